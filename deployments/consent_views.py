"""What is done with a plan besides starting it: a second person approves it, an admin breaks the glass, it is booked for later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from deployments import bookings, consent
from deployments.models import Booking
from estate.definition import UnknownTarget
from estate.reading import current
from people.models import Operator
from people.permissions import Forbidden, require
from people.views import may_view
from runs.actions import NotNow, Refusal
from runs.models import Plan


@require_POST
@may_view
def approve(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    plan, posted = _plan(pk), request.POST

    def do() -> str:
        by = require(request.user, "approve", plan.environment)
        consent.approve(plan, hash=posted.get("hash", ""), note=posted.get("note", ""), by=by)
        return f"You approved plan {plan.hash[:7]}. Whoever starts it has to be somebody else."

    return _told(request, plan, do)


@require_POST
@may_view
def break_glass(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    plan, posted = _plan(pk), request.POST

    def do() -> str:
        by = require(request.user, "break-glass", plan.environment)
        consent.break_glass(plan, hash=posted.get("hash", ""), reason=posted.get("reason", ""), by=by)
        return "The glass is broken for this plan, for an hour. That is kept with your name and your reason."

    return _told(request, plan, do)


@require_POST
@may_view
def book(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    plan, posted = _plan(pk), request.POST

    def do() -> str:
        by: Operator = require(request.user, plan.kind, plan.environment)
        words = {"hash": posted.get("hash", ""), "confirmation": posted.get("confirmation", ""), "reason": posted.get("reason", "")[:500]}
        due = _moment(posted.get("due", "")) if posted.get("when") == "at" else None
        booked = bookings.book(plan, due=due, by=by, **words)
        return f"It starts {_when(booked)}, if its gates are open then."

    return _told(request, plan, do)


@require_POST
@may_view
def cancel(request: HttpRequest, booking: int) -> HttpResponseBase:
    booked = get_object_or_404(Booking.objects.select_related("plan"), pk=booking if booking < 2**62 else 0)

    def do() -> str:
        bookings.cancel(booked, by=require(request.user, booked.plan.kind, booked.plan.environment))
        return "It will not start by itself any more."

    return _told(request, booked.plan, do)


def _plan(pk: UUID) -> Plan:
    return get_object_or_404(Plan.objects.select_related("made_by"), pk=pk)


def _told(request: HttpRequest, plan: Plan, do: Callable[[], str]) -> HttpResponseBase:
    try:
        messages.success(request, do())
    except (Forbidden, Refusal, UnknownTarget) as refused:
        messages.error(request, str(refused))
    return redirect("deployments:plan", plan.pk)


def _moment(text: str) -> datetime:
    """As a browser's field writes it, in the estate's own time. Raises NotNow."""
    try:
        moment = datetime.fromisoformat(text.strip()[:25])
    except ValueError:
        raise NotNow(f"“{text[:40]}” is no time: choose a day and a time, such as 2026-12-01 05:30.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=current().time_zone)


def _when(booking: Booking) -> str:
    if booking.due is None:
        return "as soon as nothing else is at work there"
    return f"{booking.due.astimezone(current().time_zone):%a %d %b %H:%M %Z}"
