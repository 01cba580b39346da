"""The guard's alerts on every page, and the safe exit out of maintenance mode."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from deployments import commands, reopening
from deployments.models import Alert
from deployments.targets import target_or_404
from estate.definition import Target
from estate.reading import current
from estate.validators import idempotency_key
from people.permissions import Forbidden, may, require
from people.views import may_view
from runs import draining
from runs.actions import LockHeld, Refusal


@require_safe
@may_view
def alerts(request: HttpRequest) -> HttpResponse:
    """What every page holds in its place, asked again every few seconds."""
    environment = current().environments.get(request.GET.get("environment", ""))
    found = Alert.objects.filter(ended=None).select_related("run")
    return render(request, "deployments/_alerts.html", {"alerts": found, "environment": environment, "drained": draining.drained()})


@require_http_methods(["GET", "HEAD", "POST"])
@may_view
def reopen(request: HttpRequest, service: str, environment: str) -> HttpResponseBase:
    """The one button; what it refuses is said on a page of its own, with the place for the reason."""
    target = target_or_404(service, environment)
    if request.method != "POST":
        return _page(request, target)
    posted = request.POST
    try:
        run = reopening.take_out(
            target,
            idempotency_key=idempotency_key(posted.get("idempotency_key") or str(uuid.uuid4())),
            reason=posted.get("reason", "")[:2000],
            accepted=bool(posted.get("accept")),
            by=require(request.user, reopening.KIND, target.environment.key),
        )
    except Forbidden as refused:
        return _page(request, target, str(refused), status=403)
    except ValidationError as refused:
        return _page(request, target, " ".join(refused.messages), status=422)
    except reopening.Risky:
        return _page(request, target, "Read what could happen, then say why it is right all the same.", status=409)
    except LockHeld as held:
        return _page(request, target, str(held), held_by=held.run.number, status=409)
    except Refusal as refused:
        return _page(request, target, str(refused), status=409)
    return redirect("runs:detail", run.number)


def _page(request: HttpRequest, target: Target, refused: str = "", *, held_by: int | None = None, status: int = 200) -> HttpResponse:
    context = {
        "target": target,
        "environment": target.environment,
        "way": reopening.way_out(target),
        "command": str(commands.maintenance(on=False)),
        "may": may(request.user, reopening.KIND, target.environment.key),
        "refused": refused,
        "held_by": held_by,
        "reason": request.POST.get("reason", ""),
        "accepted": bool(request.POST.get("accept")),
        "idempotency_key": str(uuid.uuid4()),
    }
    return render(request, "deployments/reopen.html", context, status=status)
