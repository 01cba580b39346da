"""The pages of the VPN. Views parse, permit, call one action or query, and render; what is refused is said on the page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from access import place
from access.models import VpnCertificate, VpnUser
from access.vpn import actions, delivery, pages, plans
from estate.reading import current
from estate.validators import idempotency_key
from people.models import Operator
from people.permissions import Forbidden, may, require
from people.views import may_view
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.models import Run

FIELDS = ("name", "person", "contact", "reason", "expires")
USUAL = timedelta(days=365)


@require_safe
@may_view
def users(request: HttpRequest) -> HttpResponse:
    return page(request)


@require_POST
@may_view
def create(request: HttpRequest) -> HttpResponseBase:
    form = {field: request.POST.get(field, "") for field in FIELDS}
    key = request.POST.get("idempotency_key", "")
    try:
        by = require(request.user, plans.KIND, place.ways_in().environment)
        made = actions.create_user(
            name=form["name"],
            person=form["person"],
            contact=form["contact"],
            reason=form["reason"],
            expires=day_given(form["expires"]),
            idempotency_key=idempotency_key(key) if key else "",
            by=by,
        )
    except Forbidden as refused:
        return page(request, form, str(refused), status=403)
    except ValidationError as refused:
        return page(request, form, " ".join(refused.messages), status=422)
    except Refusal as refused:
        return page(request, form, str(refused), status=409)
    except RemoteError as error:
        return page(request, form, error.told, status=error.status)
    return redirect("access:vpn-user", made.name)


@require_safe
@may_view
def user(request: HttpRequest, name: str) -> HttpResponse:
    return user_page(request, user_named(name))


@require_POST
@may_view
def change(request: HttpRequest, name: str, deed: str) -> HttpResponseBase:
    def do(by: Operator) -> Run | None:
        if deed not in DEEDS:
            raise Http404(f"There is no “{deed}”. There is: {', '.join(DEEDS)}.")
        return DEEDS[deed](user_named(name), request.POST, by)

    return _do(request, do, name=name)


def user_named(name: str) -> VpnUser:
    return get_object_or_404(VpnUser.objects.select_related("run", "created_by", "reviewed_by"), name=name[:64])


def _renew(found: VpnUser, posted: Mapping[str, str], by: Operator) -> Run | None:
    return actions.renew(found, day_given(posted.get("expires", "")), reason=posted.get("reason", ""), by=by)


def _reissue(found: VpnUser, posted: Mapping[str, str], by: Operator) -> Run | None:
    until = posted.get("expires", "")
    return actions.reissue(found, reason=posted.get("reason", ""), expires=day_given(until) if until else None, by=by)


def _review(found: VpnUser, posted: Mapping[str, str], by: Operator) -> Run | None:
    actions.still_needed(found, by=by)
    return None


DEEDS: Mapping[str, Callable[[VpnUser, Mapping[str, str], Operator], Run | None]] = {
    "revoke": lambda found, posted, by: actions.revoke(found, reason=posted.get("reason", ""), by=by),
    "suspend": lambda found, posted, by: actions.suspend(found, on=True, reason=posted.get("reason", ""), by=by),
    "resume": lambda found, posted, by: actions.suspend(found, on=False, reason=posted.get("reason", ""), by=by),
    "disconnect": lambda found, posted, by: actions.disconnect(found, reason=posted.get("reason", ""), by=by),
    "reissue": _reissue,
    "renew": _renew,
    "review": _review,
}


@require_POST
@may_view
def claim(request: HttpRequest) -> HttpResponseBase:
    posted = request.POST

    def do(by: Operator) -> None:
        words = {field: posted.get(field, "") for field in ("name", "person", "contact", "reason")}
        actions.claim(
            words["name"],
            person=words["person"],
            contact=words["contact"],
            reason=words["reason"],
            expires=day_given(posted.get("expires", "")),
            by=by,
        )

    return _do(request, do)


@require_POST
@may_view
def revoke_unknown(request: HttpRequest) -> HttpResponseBase:
    return _do(request, lambda by: actions.revoke_unknown(request.POST.get("name", ""), reason=request.POST.get("reason", ""), by=by))


@require_POST
@may_view
def reapply(request: HttpRequest) -> HttpResponseBase:
    return _do(request, lambda by: actions.reapply(by=by))


@require_POST
@may_view
def renew_crl(request: HttpRequest) -> HttpResponseBase:
    return _do(request, lambda by: actions.renew_crl(by=by))


def _do(request: HttpRequest, deed: Callable[[Operator], Run | None], *, name: str = "") -> HttpResponseBase:
    """To the user's page where it is about one; a refusal stays on the page with its words. Who may is asked before anything else."""
    try:
        run = deed(require(request.user, plans.KIND, place.ways_in().environment))
    except Forbidden as refused:
        return refuse(request, name, str(refused), 403)
    except ValidationError as refused:
        return refuse(request, name, " ".join(refused.messages), 422)
    except Refusal as refused:
        return refuse(request, name, str(refused), 409)
    except RemoteError as error:
        return refuse(request, name, error.told, error.status)
    if run is None:
        messages.success(request, "Kept in the register; nothing was changed on the server.")
    if name:
        return redirect("access:vpn-user", name)
    return redirect("runs:detail", run.number) if run else redirect("access:vpn")


def refuse(request: HttpRequest, name: str, said: str, status: int) -> HttpResponse:
    """On the user's page where there is such a user."""
    found = VpnUser.objects.select_related("run", "created_by", "reviewed_by").filter(name=name[:64]).first()
    return user_page(request, found, said, status=status) if found else page(request, refused=said, status=status)


def page(request: HttpRequest, form: Mapping[str, str] | None = None, refused: str = "", *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    try:
        found = pages.vpn_page(now, show=request.GET.get("show", "all"), find=request.GET.get("find", "")[:60])
    except place.NotConfigured as missing:
        return render(request, "access/not_configured.html", {"why": str(missing), "tab": "vpn"}, status=status)
    context = {
        "page": found,
        "tab": "vpn",
        "show": request.GET.get("show", "all"),
        "find": request.GET.get("find", ""),
        "may_change": may(request.user, plans.KIND, place.ways_in().environment),
        "form": form or {"expires": (now + USUAL).astimezone(current().time_zone).date().isoformat()},
        "claimed": request.GET.get("claim", "")[:64],
        "refused": refused,
        "latest": (now + actions.LONGEST).date().isoformat(),
        "idempotency_key": uuid.uuid4().hex,
    }
    template = "access/_vpn.html" if request.GET.get("part") == "live" else "access/vpn.html"
    return render(request, template, context, status=status)


def user_page(
    request: HttpRequest, found: VpnUser, refused: str = "", *, status: int = 200, link: tuple[str, datetime] | None = None
) -> HttpResponse:
    now = timezone.now()
    shown = pages.vpn_page(now)
    context = {
        "vpn_user": found,
        "row": next((row for row in pages.all_rows(now, shown.facts) if row.name == found.name), None),
        "page": shown,
        "tab": "vpn",
        "certificates": VpnCertificate.objects.filter(name=found.name).order_by("-ends"),
        "attempts": found.attempts.all()[:20],
        "runs": Run.objects.filter(plan__kind=plans.KIND, plan__document__facts__name=found.name).order_by("-number")[:10],
        "may_change": may(request.user, plans.KIND, place.ways_in().environment),
        "review": pages.needs_review(found, now),
        "link": link,
        "link_lives": delivery.LINK_LIVES,
        "refused": refused,
        "latest": (now + actions.LONGEST).date().isoformat(),
    }
    template = "access/_vpn_user.html" if request.GET.get("part") == "live" else "access/vpn_user.html"
    return render(request, template, context, status=status)


def day_given(text: str) -> datetime:
    """The end of that day in the estate's zone. Raises ValidationError."""
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 -- the zone comes with the end of the day
    except ValueError:
        raise ValidationError(f"“{text[:40]}” is no day. Write it like 2027-11-24.", code="day") from None
    return datetime.combine(day, time(23, 59), current().time_zone)
