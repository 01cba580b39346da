"""The pages of the allow-list and of what is exposed to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from access import place
from access.gateway import actions, exposure, rules
from access.gateway.exposure import EVERYBODY
from access.gateway.observe import EVERY, HOST, NAME
from access.models import AllowedAddress, Seen
from estate.reading import current
from people.models import Operator
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.aws.security_groups import Rule
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.models import Run

State = AllowedAddress.State
FIELDS = ("cidr", "owner", "reason", "until")
_LIGHTS = {
    State.ASKED: "wait", State.ADDING: "info", State.ALLOWED: "ok", State.REMOVING: "info", State.REMOVED: "skip", State.FAILED: "bad",
}  # fmt: skip


@require_safe
@may_view
def allow_list(request: HttpRequest) -> HttpResponse:
    return page(request)


@require_POST
@may_view
def allow(request: HttpRequest) -> HttpResponseBase:
    posted = request.POST

    def do(by: Operator) -> Run | None:
        made = actions.allow(
            cidr=posted.get("cidr", ""),
            services=posted.getlist("services"),
            owner=posted.get("owner", ""),
            reason=posted.get("reason", ""),
            until=_moment(posted.get("until", "")),
            by=by,
        )
        if made.run is None:
            messages.warning(request, f"{made.cidr} is wide: a second admin has to agree before anything is changed.")
        return made.run

    return _do(request, actions.KIND, do)


@require_POST
@may_view
def allow_myself(request: HttpRequest) -> HttpResponseBase:
    posted = request.POST
    return _do(
        request,
        actions.OWN_KIND,
        lambda by: (
            actions.allow_myself(
                address=posted.get("address", ""), services=posted.getlist("services"), reason=posted.get("reason", ""), by=by
            ).run
        ),
    )


@require_POST
@may_view
def close(request: HttpRequest, entry: int) -> HttpResponseBase:
    reason = request.POST.get("reason") or "no longer needed"
    return _do(request, actions.OWN_KIND, lambda by: actions.close(_entry(entry), reason=reason, by=by))


@require_POST
@may_view
def agree(request: HttpRequest, entry: int) -> HttpResponseBase:
    return _do(request, actions.KIND, lambda by: actions.agree(_entry(entry), by=by))


def _entry(number: int) -> AllowedAddress:
    return get_object_or_404(AllowedAddress, pk=min(number, 2**62))


@require_safe
@may_view
def exposure_page(request: HttpRequest) -> HttpResponse:
    access = current().access
    seen = {row.name: row for row in Seen.objects.all()}
    host = seen.get(HOST)
    gateway = access.gateway if access else None
    context = {
        "tab": "exposure",
        "ways": exposure.ways(gateway, seen.get(NAME), host, seen.get("vpn")),
        "host": host,
        "gateway": gateway,
        "seen": seen.get(NAME),
    }
    return render(request, "access/exposure.html", context)


def _do(request: HttpRequest, kind: str, deed: Callable[[Operator], Run | None]) -> HttpResponseBase:
    try:
        run = deed(require(request.user, kind, place.ways_in().environment))
    except Forbidden as refused:
        return page(request, str(refused), status=403)
    except ValidationError as refused:
        return page(request, " ".join(refused.messages), status=422)
    except Refusal as refused:
        return page(request, str(refused), status=409)
    except RemoteError as error:
        return page(request, error.told, status=error.status)
    if run is not None:
        messages.info(request, f"Run {run.number} is at it: “{run.title}”. AWS shows it within seconds.")
    return redirect("access:allow-list")


def page(request: HttpRequest, refused: str = "", *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    try:
        gateway = place.gateway()
    except place.NotConfigured as missing:
        return render(request, "access/not_configured.html", {"why": str(missing), "tab": "allow-list"}, status=status)
    environment = place.ways_in().environment
    seen = Seen.objects.filter(name=NAME).first()
    facts: dict[str, Any] = seen.facts if seen else {}
    found = [Rule(**each) for each in facts.get("rules", ())]
    open_ = list(AllowedAddress.objects.select_related("run", "asked_by", "approved_by").exclude(state=State.REMOVED))
    holder = Run.objects.filter(lock_group=gateway.lock_group, holds_lock=True).first()
    posted = request.POST
    context = {
        "tab": "allow-list",
        "gateway": gateway,
        "seen": seen,
        "stale": seen is None or seen.answered is None or now - seen.answered > timedelta(seconds=6 * EVERY),
        "entries": [(entry, _LIGHTS[State(entry.state)], _names(entry, gateway.services)) for entry in open_],
        "ended": AllowedAddress.objects.filter(state=State.REMOVED).order_by("-removed")[:8],
        "unknown": [
            (rule, rules.services_of(rule, gateway.services), rule.cidr in EVERYBODY)
            for rule in (Rule(**each) for each in facts.get("unknown", ()))
        ],
        "counted": rules.counted(found),
        "quota": rules.QUOTA,
        "ranges": sum(len(each.ports) for each in gateway.services.values()),
        "may_allow": may(request.user, actions.KIND, environment),
        "may_own": may(request.user, actions.OWN_KIND, environment),
        "run": holder if holder is not None and holder.is_active else None,
        "form": {field: posted.get(field, "") for field in FIELDS}
        | {"services": posted.getlist("services"), "address": posted.get("address", "")},
        "my_address": str(request.META.get("REMOTE_ADDR", "")),
        "my_public_address": actions.public_address(str(request.META.get("REMOTE_ADDR", ""))),
        "usual_until": (now + timedelta(days=90)).astimezone(current().time_zone).strftime("%Y-%m-%dT%H:%M"),
        "refused": refused,
    }
    template = "access/_allow_list.html" if request.GET.get("part") == "live" else "access/allow_list.html"
    return render(request, template, context, status=status)


def _names(entry: AllowedAddress, services: Mapping[str, Any]) -> str:
    return ", ".join(services[key].name if key in services else key for key in entry.services)


def _moment(text: str) -> datetime:
    """A minute in the estate's zone. Raises ValidationError."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M").replace(tzinfo=current().time_zone)
    except ValueError:
        raise ValidationError(f"“{text[:40]}” is no moment. Write it like 2027-11-24T18:00.", code="until") from None
