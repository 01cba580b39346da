"""Rundeck's jobs: the list, one job with its definition and history, and the button that runs it as a run of ours."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from deployments import rundeck
from estate.validators import idempotency_key
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.errors import RemoteError
from remote.rundeck import Server
from runs.actions import Refusal
from runs.models import Run


@require_safe
@may_view
def jobs(request: HttpRequest) -> HttpResponse:
    its = _its()
    context: dict[str, Any] = {"its": its, "environment": its.environment, "runs": _ours()}
    try:
        context["jobs"] = rundeck.jobs()
    except RemoteError as error:
        context["problem"] = error.told
    return render(request, "deployments/rundeck.html", context)


@require_safe
@may_view
def job(request: HttpRequest, id: str) -> HttpResponse:
    return _job(request, id)


@require_POST
@may_view
def run(request: HttpRequest, id: str) -> HttpResponseBase:
    posted, its = request.POST, _its()
    try:
        started = rundeck.run_job(
            id,
            arguments=posted.get("arguments", ""),
            confirmation=posted.get("confirmation", ""),
            idempotency_key=idempotency_key(posted.get("idempotency_key") or str(uuid.uuid4())),
            reason=posted.get("reason", "").strip()[:500],
            by=require(request.user, rundeck.KIND, its.environment.key),
        )
    except Forbidden as refused:
        raise PermissionDenied(str(refused)) from refused
    except ValidationError as refused:
        return _job(request, id, " ".join(refused.messages), status=422)
    except Refusal as refused:
        return _job(request, id, str(refused), status=409)
    except RemoteError as error:
        return _job(request, id, error.told, status=error.status)
    return redirect("runs:detail", started.number)


def _job(request: HttpRequest, id: str, refused: str = "", *, status: int = 200) -> HttpResponse:
    its = _its()
    context: dict[str, Any] = {
        "its": its,
        "environment": its.environment,
        "refused": refused,
        "may_run": may(request.user, rundeck.KIND, its.environment.key),
        "idempotency_key": str(uuid.uuid4()),
        "posted": request.POST,
        "runs": _ours(id),
    }
    try:
        found, server = rundeck.job_named(id), Server(its.url)
        context |= {"job": found, "definition": server.definition(found.id), "executions": server.executions(found.id)}
    except RemoteError as error:
        context["problem"] = error.told
    return render(request, "deployments/rundeck_job.html", context, status=status)


def _its() -> Any:
    try:
        return rundeck.rundeck()
    except rundeck.NoRundeck as none:
        raise Http404(str(none)) from None


def _ours(job: str = "") -> list[Run]:
    mine = Run.objects.filter(kind=rundeck.KIND).select_related("requested_by")
    if job:
        mine = mine.filter(effects__kind="rundeck.run", plan__document__steps__0__acts__0__params__job=job).distinct()
    return list(mine.order_by("-number")[:10])
