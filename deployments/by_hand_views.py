"""The page of a thing that is installed by hand: its journal, its instance, its disks, its ports."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from deployments import by_hand
from deployments.models import HandChange
from estate.definition import ByHand
from estate.reading import current
from people.permissions import Forbidden, may, require
from people.views import may_view
from runs.actions import NotNow, Refusal

SHOWN = 50


@require_safe
@may_view
def page(request: HttpRequest, thing: str) -> HttpResponse:
    return _page(request, _named(thing))


@require_safe
@may_view
def ports(request: HttpRequest, thing: str) -> HttpResponse:
    """Asked now, which takes seconds: the page loads it on its own."""
    its = _named(thing)
    return render(request, "deployments/_ports.html", {"rows": by_hand.ask_ports(its), "its": its})


@require_POST
@may_view
def note(request: HttpRequest, thing: str) -> HttpResponseBase:
    its, posted = _named(thing), request.POST
    try:
        by = require(request.user, "note", its.environment.key)
        by_hand.note_change(its, what=posted.get("what", ""), why=posted.get("why", ""), at=_moment(posted.get("at", "")), by=by)
    except Forbidden as refused:
        raise PermissionDenied(str(refused)) from refused
    except Refusal as refused:
        return _page(request, its, str(refused), status=422)
    messages.success(request, "Noted.")
    return redirect("deployments:by-hand", its.key)


def _page(request: HttpRequest, its: ByHand, refused: str = "", *, status: int = 200) -> HttpResponse:
    context = {
        "its": its,
        "environment": its.environment,
        "seen": by_hand.look(its),
        "changes": HandChange.objects.filter(key=its.key).select_related("by")[:SHOWN],
        "may_note": may(request.user, "note", its.environment.key),
        "zone": current().time_zone,
        "refused": refused,
        "posted": request.POST,
    }
    return render(request, "deployments/by_hand.html", context, status=status)


def _named(key: str) -> ByHand:
    try:
        return by_hand.named(key)
    except by_hand.NoSuchThing as none:
        raise Http404(str(none)) from None


def _moment(text: str) -> datetime | None:
    """In the estate's own time; None for now. Raises NotNow."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip()[:25])
    except ValueError:
        raise NotNow(f"“{text[:40]}” is no time: choose a day and a time, or leave it empty for now.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=current().time_zone)
