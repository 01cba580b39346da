"""Plans and releases for machines: the same actions as the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from deployments import actions, bookings, consent, operations, pages, rollback
from deployments.models import Booking, Release
from estate.reading import current
from people.permissions import require
from runs.models import Plan, Run

router = Router(tags=["releases"])


class PlanIn(Schema):
    """`strategy`: "as-written" or "migration-aware"; "" takes the best that can be taken.

    Where that has to be built first, the answer is the plan of its preparation (kind "operation"): run it, then ask again. `path` ("roll",
    "window") with `because` overrides the database's answers. Branches default to the estate's first, the configuration's to what the
    hand-over's open question was answered; `release` names an earlier one.
    """

    service: str
    environment: str
    strategy: str = ""
    path: str = ""
    because: str = ""
    code_branch: str = ""
    configuration_branch: str = ""
    close_back_office: bool = False
    release: int | None = None
    relaunch_of: int | None = None


class OperationIn(Schema):
    """`operation` such as "flush-caches"; `option` is its one tick and `argument` what is written, in those that have one."""

    service: str
    environment: str
    operation: str
    option: bool = False
    argument: str = ""


class PlanOut(Schema):
    id: UUID
    kind: str
    title: str
    service: str
    environment: str
    hash: str
    made: datetime
    facts: dict[str, Any]
    steps: list[dict[str, Any]]
    gates: list[dict[str, Any]]


class ApprovalIn(Schema):
    hash: str
    note: str = ""


class ApprovalOut(Schema):
    plan: UUID
    hash: str
    by: str
    at: datetime
    note: str


class GlassIn(Schema):
    hash: str
    reason: str


class GlassOut(Schema):
    plan: UUID
    freeze: str
    by: str
    at: datetime
    reason: str


class BookingIn(Schema):
    """`due` with its zone; without it, as soon as the plan's lock group is free."""

    hash: str
    due: datetime | None = None
    reason: str = ""


class BookingOut(Schema):
    id: int
    plan: UUID
    title: str
    lock_group: str
    due: datetime | None
    by: str
    state: str
    said: str
    run: int | None


class BookingPage(Schema):
    items: list[BookingOut]
    next: str | None


class ReleaseOut(Schema):
    number: int
    label: str
    service: str
    magento_commit: str
    configuration_commit: str
    configuration_branch: str
    bucket: str
    key: str
    sha256: str
    bytes: int
    files: int
    created: datetime


class ReleasePage(Schema):
    items: list[ReleaseOut]
    next: str | None


@router.post("/plans", response={201: PlanOut})
def make_plan(request: HttpRequest, wanted: PlanIn) -> Status[dict[str, Any]]:
    target = current().target(wanted.service, wanted.environment)
    by = require(request.user, "plan", target.environment.key)
    ways = {"strategy": wanted.strategy, "path": wanted.path, "because": wanted.because}
    choice = actions.Choice(wanted.code_branch, wanted.configuration_branch, wanted.close_back_office, wanted.release, **ways)
    relaunched = None
    if wanted.relaunch_of is not None:
        mine = Run.objects.filter(service=target.service, environment=target.environment.key, kind="release")
        relaunched = mine.filter(number=wanted.relaunch_of).first() if 0 < wanted.relaunch_of < 2**62 else None
        if relaunched is None:
            raise actions.NotPlannable(f"There is no run {wanted.relaunch_of} of {target.name}.")
    make = actions.plan_release if choice.release is None else rollback.plan_again
    return Status(201, _plan(make(target, choice, relaunch_of=relaunched, by=by)))


@router.post("/operations", response={201: PlanOut})
def plan_operation(request: HttpRequest, wanted: OperationIn) -> Status[dict[str, Any]]:
    """A plan; started as a release is, by POST /runs."""
    target = current().target(wanted.service, wanted.environment)
    by = require(request.user, operations.KIND, target.environment.key, planning=True)
    return Status(201, _plan(operations.plan_operation(target, wanted.operation, option=wanted.option, argument=wanted.argument, by=by)))


@router.get("/plans/{plan_id}", response=PlanOut)
def show_plan(request: HttpRequest, plan_id: UUID) -> dict[str, Any]:
    require(request.user, "view")
    return _plan(Plan.objects.get(pk=plan_id, kind="release"))


@router.post("/plans/{plan_id}/approvals", response={201: ApprovalOut})
def approve_plan(request: HttpRequest, plan_id: UUID, given: ApprovalIn) -> Status[dict[str, Any]]:
    plan = Plan.objects.select_related("made_by").get(pk=plan_id)
    by = require(request.user, "approve", plan.environment)
    found = consent.approve(plan, hash=given.hash, note=given.note, by=by)
    return Status(201, {"plan": plan.pk, "hash": found.hash, "by": str(found.by), "at": found.at, "note": found.note})


@router.post("/plans/{plan_id}/break-glass", response={201: GlassOut})
def break_glass(request: HttpRequest, plan_id: UUID, wanted: GlassIn) -> Status[dict[str, Any]]:
    """In a freeze: for this plan, for an hour, with a reason that is kept."""
    plan = Plan.objects.get(pk=plan_id)
    by = require(request.user, "break-glass", plan.environment)
    broken = consent.break_glass(plan, hash=wanted.hash, reason=wanted.reason, by=by)
    return Status(201, {"plan": plan.pk, "freeze": broken.freeze, "by": str(broken.by), "at": broken.at, "reason": broken.reason})


@router.post("/plans/{plan_id}/bookings", response={201: BookingOut})
def book_plan(request: HttpRequest, plan_id: UUID, wanted: BookingIn) -> Status[dict[str, Any]]:
    """Starts it later, with all its gates asked again."""
    plan = Plan.objects.get(pk=plan_id)
    by = require(request.user, plan.kind, plan.environment)
    if wanted.due is not None and wanted.due.tzinfo is None:
        raise actions.NotPlannable("`due` has no zone: write it as 2026-12-01T05:30:00+01:00.")
    # The hash names what was looked at; a person on the page types the environment's name for the same reason.
    words = {"hash": wanted.hash, "confirmation": plan.environment, "reason": wanted.reason[:500]}
    return Status(201, _booking(bookings.book(plan, due=wanted.due, by=by, **words)))


@router.get("/bookings", response=BookingPage)
def list_bookings(request: HttpRequest, cursor: int | None = None, state: str = "") -> dict[str, Any]:
    """Newest first; `state` such as waiting."""
    require(request.user, "view")
    found = Booking.objects.select_related("plan", "by").order_by("-pk")
    if cursor is not None:
        found = found.filter(pk__lt=max(-(2**62), min(cursor, 2**62)))
    rows = list((found.filter(state=state) if state else found)[:51])
    return {"items": [_booking(each) for each in rows[:50]], "next": str(rows[49].pk) if len(rows) > 50 else None}


@router.delete("/bookings/{booking_id}", response={204: None})
def cancel_booking(request: HttpRequest, booking_id: int) -> Status[None]:
    booking = Booking.objects.select_related("plan").get(pk=booking_id if abs(booking_id) < 2**62 else 0)
    bookings.cancel(booking, by=require(request.user, booking.plan.kind, booking.plan.environment))
    return Status(204, None)


def _booking(booking: Booking) -> dict[str, Any]:
    facts = {name: getattr(booking, name) for name in ("lock_group", "due", "state", "said")}
    return {"id": booking.pk, "plan": booking.plan_id, "title": booking.plan.title, "by": str(booking.by), "run": booking.run_id, **facts}


@router.get("/releases", response=ReleasePage)
def list_releases(request: HttpRequest, cursor: int | None = None, limit: int = 50) -> dict[str, Any]:
    """Newest first; `next` is the cursor of the next page."""
    require(request.user, "view")
    limit = max(1, min(limit, 200))
    releases = Release.objects.order_by("-pk")
    if cursor is not None:
        releases = releases.filter(pk__lt=cursor)
    found = list(releases[: limit + 1])
    return {"items": found[:limit], "next": str(found[limit - 1].pk) if len(found) > limit else None}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.pk,
        "kind": plan.kind,
        "title": plan.title,
        "service": plan.service,
        "environment": plan.environment,
        "hash": plan.hash,
        "made": plan.made,
        "facts": plan.document["facts"],
        "steps": plan.document["steps"],
        "gates": [gate.to_json() for gate in pages.gates_of(plan)],
    }
