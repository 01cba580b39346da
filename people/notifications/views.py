"""The page Notifications: one's own channels and the teams', a test button for each, and what became of what was sent."""

from __future__ import annotations

from datetime import time

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from people.models import Operator
from people.notifications import channels
from people.notifications.kinds import KINDS
from people.notifications.models import Channel, Delivery
from people.notifications.targets import targets
from people.permissions import Forbidden, may
from people.views import may_view

SHOWN = 25  # deliveries


@require_safe
@may_view
def settings_page(request: HttpRequest) -> HttpResponse:
    operator = _operator(request)
    mine = Channel.objects.filter(owner=operator)
    team = Channel.objects.filter(owner=None)
    seen = Delivery.objects.filter(channel__in=[*mine, *team]).select_related("notification", "channel__owner").order_by("-pk")
    return render(
        request,
        "people/notifications.html",
        {
            "mine": mine,
            "team": team,
            "deliveries": seen[:SHOWN],
            "kinds": KINDS,
            "targets": sorted(targets().values(), key=lambda target: target.name),
            "own_mail": channels.OWN_MAIL,
            "may_team": may(operator, "notify-team"),
        },
    )


@require_POST
@may_view
def add(request: HttpRequest) -> HttpResponse:
    try:
        channels.add_channel(
            request.POST.get("target", ""),
            request.POST.getlist("kinds"),
            request.POST.getlist("environments"),
            _quiet(request.POST.get("quiet_from", ""), request.POST.get("quiet_until", "")),
            " ".join(request.POST.get("team", "").split()),
            by=_operator(request),
        )
    except channels.Unusable as error:
        messages.error(request, str(error))
    except Forbidden as error:
        raise PermissionDenied(str(error)) from error
    else:
        messages.success(request, "Added. Press “Test” to see that it arrives.")
    return redirect("notifications:settings")


@require_POST
@may_view
def change(request: HttpRequest, number: int, what: str) -> HttpResponse:
    channel, by = get_object_or_404(Channel, pk=number), _operator(request)
    try:
        match what:
            case "test":
                channels.test_channel(channel, by=by)
                messages.success(request, "On its way: what became of it stands below in a few seconds.")
            case "remove":
                channels.remove_channel(channel, by=by)
                messages.success(request, f"{channel} is removed.")
            case _:
                channels.pause_channel(channel, on=what == "resume", by=by)
                messages.success(request, f"{channel} {'speaks again' if what == 'resume' else 'is paused'}.")
    except Forbidden as error:
        raise PermissionDenied(str(error)) from error
    return redirect("notifications:settings")


def _operator(request: HttpRequest) -> Operator:
    if not isinstance(request.user, Operator):
        raise PermissionDenied("Sign in first.")
    return request.user


def _quiet(begin: str, end: str) -> tuple[time, time] | None:
    """Raises Unusable."""
    if not begin and not end:
        return None
    try:
        return time.fromisoformat(begin), time.fromisoformat(end)
    except ValueError:
        raise channels.Unusable("Quiet hours need two times, as in 22:00 and 07:00.") from None
