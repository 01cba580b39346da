"""A plan that is to start by itself: at a time, or when the runs before it in its lock group have ended.

A booking is a row; a duty of the scheduler looks at the rows every few seconds. It starts a run as its person would by pressing the button,
with their permission and all gates asked again, or says why it did not; it never starts blindly, and never late by more than `LATE`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from deployments import actions, operations
from deployments.live import live_label
from deployments.models import Booking
from estate.definition import UnknownTarget
from people import audit
from people.models import Operator
from people.notifications import notify
from people.permissions import Forbidden, require
from remote.errors import RemoteError
from runs import draining
from runs.actions import LockHeld, NotNow, PlanChanged, Refusal
from runs.models import Plan, Run

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds
LATE = timedelta(minutes=30)
FURTHEST = timedelta(days=30)
PATIENCE = timedelta(minutes=5)  # for gates that open by themselves: health settles a while after a run has ended


def book(plan: Plan, *, hash: str, due: datetime | None, confirmation: str, reason: str = "", by: Operator) -> Booking:
    """`due` None: as soon as its lock group is free. Raises Forbidden, NotNow, PlanChanged."""
    require(by, plan.kind, plan.environment)
    if hash != plan.hash:
        raise PlanChanged("This is not the plan that you looked at. Look at the plan again.")
    target = actions.target_of(plan)
    if target.environment.confirm and confirmation.strip() != target.environment.key:
        raise NotNow(f"Type “{target.environment.key}” to confirm.")
    now = timezone.now()
    if due is not None and not now < due <= now + FURTHEST:
        raise NotNow(f"Choose a time within the next {FURTHEST.days} days: {due:%d %b %Y %H:%M %Z} is not.")
    if plan.runs.exists():
        raise NotNow("This plan has been started already. Make a new one.")
    facts = {"hash": hash, "lock_group": plan.lock_group, "due": due, "reason": reason.strip(), "by": by}
    try:
        with transaction.atomic():
            booking = Booking.objects.create(plan=plan, **facts)
            when = f"{due:%Y-%m-%dT%H:%M%z}" if due else "as soon as it is free"
            audit.record("book", by=by, target=plan.title, why=booking.reason, facts={"plan": str(plan.pk), "hash": hash, "due": when})
            return booking
    except IntegrityError:
        raise NotNow("This plan waits already. Cancel that first.") from None


def cancel(booking: Booking, *, by: Operator) -> None:
    """Raises Forbidden, NotNow."""
    require(by, booking.plan.kind, booking.plan.environment)
    mine = Booking.objects.filter(pk=booking.pk, state=Booking.State.WAITING)
    with transaction.atomic():
        if not mine.update(state=Booking.State.CANCELLED, cancelled_by=by, ended=timezone.now(), said=f"Cancelled by {by}."):
            raise NotNow("It waits no longer: it was started, refused or cancelled meanwhile.")
        audit.record("cancel-booking", by=by, target=booking.plan.title, facts={"plan": str(booking.plan_id)})


def queue(lock_group: str) -> list[Booking]:
    """Who is next in this group: those with a time by their time, behind those that wait for the group alone."""
    mine = Booking.objects.filter(lock_group=lock_group, state=Booking.State.WAITING).select_related("plan", "by")
    return sorted(mine, key=_order)


def go() -> None:
    """Starts what may start now: in each group the first whose time has come."""
    now = timezone.now()
    waiting = Booking.objects.filter(state=Booking.State.WAITING).select_related("plan", "plan__made_by", "by")
    groups: dict[str, list[Booking]] = {}
    for booking in waiting:
        if booking.due is None or booking.due <= now:
            groups.setdefault(booking.lock_group, []).append(booking)
    for mine in groups.values():
        _first_of(sorted(mine, key=_order), now)


def _order(booking: Booking) -> tuple[datetime, int]:
    return (booking.due or booking.made, booking.pk)


def _first_of(booked: Sequence[Booking], now: datetime) -> None:
    holder = Run.objects.filter(lock_group=booked[0].lock_group, holds_lock=True).first()
    drained = draining.drained()
    for booking in booked:
        if booking.due is not None and now - booking.due > LATE:
            minutes = round((now - booking.due).total_seconds() / 60)
            _refuse(
                booking, f"Its time was {minutes} minutes ago, and it could not start then. {booking.said} Look, then start it yourself."
            )
        elif holder is not None:
            told = "at work" if holder.state in (Run.State.QUEUED, Run.State.RUNNING) else f"{holder.state} and holds the lock"
            _say(booking, f"Waits for run {holder.number}, {holder.title}, which is {told}.")
        elif drained is not None:
            _say(booking, f"Waits: {drained.by} has drained the console: “{drained.reason}”.")
        else:
            _start(booking)
            return


def _start(booking: Booking) -> None:
    plan = booking.plan
    begin = operations.start_operation if plan.kind == operations.KIND else actions.start_release
    words = {"hash": booking.hash, "confirmation": plan.environment, "reason": booking.reason}
    try:
        if stale := _stale(plan):
            raise NotNow(stale)
        run = begin(plan, **words, idempotency_key=f"booking-{booking.pk}", by=booking.by)
    except RemoteError as error:
        _say(booking, f"Could not ask: {error.told}")
    except (actions.NotStartable, LockHeld) as closed:
        _not_yet(booking, str(closed))
    except (Refusal, Forbidden, UnknownTarget) as refused:
        _refuse(booking, str(refused))
    else:
        mine = Booking.objects.filter(pk=booking.pk, state=Booking.State.WAITING)
        if not mine.update(state=Booking.State.STARTED, run=run, ended=timezone.now(), said=f"Started as run {run.number}."):
            log.warning("booking %s was cancelled while run %s began", booking.pk, run.number)


def _not_yet(booking: Booking, said: str) -> None:
    """Refused only when the gates had time to open since its turn came."""
    before = (
        Run.objects.filter(lock_group=booking.lock_group).exclude(ended=None).order_by("-ended").values_list("ended", flat=True).first()
    )
    turn = max(filter(None, (booking.due, booking.made, before)))
    if Run.objects.filter(lock_group=booking.lock_group, holds_lock=True).exists() or timezone.now() - turn < PATIENCE:
        _say(booking, f"Not yet: {said}")
    else:
        _refuse(booking, said)


def _stale(plan: Plan) -> str:
    """What the runs before it have changed: a plan made for another starting point is not started."""
    before = plan.document["facts"].get("previous_label")
    if plan.kind != "release" or not before or plan.document["facts"].get("relaunch_of"):
        return ""
    now = live_label(actions.target_of(plan))
    return "" if now == before else f"It was planned from {before}, and {now or 'something unknown'} is live now: plan again."


def _say(booking: Booking, said: str) -> None:
    if said != booking.said:
        Booking.objects.filter(pk=booking.pk, state=Booking.State.WAITING).update(said=said)


def _refuse(booking: Booking, said: str) -> None:
    with transaction.atomic():
        mine = Booking.objects.filter(pk=booking.pk, state=Booking.State.WAITING)
        if mine.update(state=Booking.State.REFUSED, said=said, ended=timezone.now()):
            url, title = reverse("deployments:plan", args=(booking.plan_id,)), f"Not started: {booking.plan.title}"
            notify("release", title=title, text=said, url=url, key=f"booking:{booking.pk}", environment=booking.plan.environment)
