"""Runs for machines: the list, one run with its steps and hosts, its log, and starting one.

What may be started, and under which gates, each kind of plan knows itself: it registers its starter here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Header, Query, Router, Schema, Status

from estate import shop
from estate.models import Host
from estate.validators import idempotency_key
from people.models import Operator
from people.permissions import require
from runs import reading
from runs.actions import start_run
from runs.models import Plan, Run

router = Router(tags=["runs"])
Limit = Annotated[int, Query(ge=1, le=200)]
Number = Annotated[int, Query(ge=0, le=2**62)]


class Starter(Protocol):
    def __call__(self, plan: Plan, *, hash: str, confirmation: str, idempotency_key: str, reason: str, by: Operator) -> Run: ...


_starters: dict[str, Starter] = {}


def register_starter(kind: str, starter: Starter) -> None:
    """Told from above how a plan of this kind is started."""
    _starters[kind] = starter


class RunIn(Schema):
    """The plan's id and hash: who names both has seen what would be run."""

    plan: UUID
    hash: str
    reason: str = ""


class StepOut(Schema):
    position: int
    key: str
    title: str
    state: str
    attempt: int
    started: datetime | None
    ended: datetime | None
    said: str


class RunOut(Schema):
    id: int
    plan: UUID
    kind: str
    title: str
    service: str
    environment: str
    state: str
    said: str
    requested_by: str
    reason: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    cancel: str
    lock_group: str
    holds_lock: bool
    link: str


class RunHost(Schema):
    name: str
    instance_id: str
    tier: str
    version: str
    health_status: str
    deployment_status: str
    target_state: str
    maintenance: str
    seen: datetime


class RunWhole(RunOut):
    """`downtime_seconds` is measured from outside, and null where nobody asked from there or nothing was started.

    For `unasked_seconds` of the run nobody asked: it may have been longer."""

    steps: list[StepOut]
    hosts: list[RunHost]
    downtime_seconds: float | None
    unasked_seconds: float | None


class RunPage(Schema):
    items: list[RunOut]
    next: str | None


class LogLineOut(Schema):
    seq: int
    time: datetime
    host: str
    text: str


class LogPage(Schema):
    """`next` goes into `after` for the following lines; null at the end of what there is.

    Lines below `first` were removed after their time.
    """

    items: list[LogLineOut]
    next: str | None
    first: int
    last: int


@router.get("/runs", response=RunPage)
def list_runs(
    request: HttpRequest, cursor: Number | None = None, limit: Limit = 50, service: str = "", environment: str = "", state: str = ""
) -> dict[str, Any]:
    """Newest first."""
    require(request.user, "view")
    runs = Run.objects.select_related("requested_by").order_by("-number")
    if cursor is not None:
        runs = runs.filter(number__lt=cursor)
    for name, value in {"service": service, "environment": environment, "state": state}.items():
        if value:
            runs = runs.filter(**{name: value})
    found = list(runs[: limit + 1])
    return {
        "items": [told(request, run) for run in found[:limit]],
        "next": str(found[limit - 1].number) if len(found) > limit else None,
    }


@router.post("/runs", response={201: RunOut})
def start(request: HttpRequest, wanted: RunIn, key: Annotated[str, Header(alias="Idempotency-Key")]) -> Status[dict[str, Any]]:
    """The same Idempotency-Key gives the same run again and starts nothing."""
    plan = Plan.objects.get(pk=wanted.plan)
    by = require(request.user, plan.kind, plan.environment)
    starter = _starters.get(plan.kind, _start_plainly)
    # The hash names what was looked at; a person on the page types the environment's name for the same reason.
    run = starter(
        plan, hash=wanted.hash, confirmation=plan.environment, idempotency_key=idempotency_key(key), reason=wanted.reason[:500], by=by
    )
    return Status(201, told(request, run))


@router.get("/runs/{int:number}", response=RunWhole)
def show(request: HttpRequest, number: int) -> dict[str, Any]:
    require(request.user, "view")
    run = Run.objects.select_related("requested_by", "plan").get(number=number)
    return {
        **told(request, run),
        "steps": list(run.steps.all()),
        "hosts": _hosts(run),
        **_downtime(run),
    }


@router.get("/runs/{int:number}/log", response=LogPage)
def log(
    request: HttpRequest, number: int, after: Number = 0, limit: Annotated[int, Query(ge=1, le=5000)] = 1000, host: str = ""
) -> dict[str, Any]:
    """Lines with numbers above `after`; numbers have no gaps, so a missing one is yet to come."""
    require(request.user, "view")
    run = Run.objects.only("number").get(number=number)
    lines = reading.read(run.number, after, limit, host=host)
    last = reading.last_number(run.number)
    more = bool(lines) and len(lines) == limit and lines[-1].seq < last
    return {"items": lines, "next": str(lines[-1].seq) if more else None, "first": reading.first_number(run.number), "last": last}


def _start_plainly(plan: Plan, *, hash: str, confirmation: str, idempotency_key: str, reason: str, by: Operator) -> Run:
    """For kinds without gates of their own."""
    return start_run(plan, hash=hash, idempotency_key=idempotency_key, reason=reason, by=by)


def told(request: HttpRequest, run: Run) -> dict[str, Any]:
    names = (
        "kind",
        "title",
        "service",
        "environment",
        "state",
        "said",
        "reason",
        "created",
        "started",
        "ended",
        "cancel",
        "lock_group",
        "holds_lock",
    )
    return {
        "id": run.number,
        "plan": run.plan_id,
        "requested_by": str(run.requested_by),
        "link": request.build_absolute_uri(reverse("runs:detail", args=(run.number,))),
        **{name: getattr(run, name) for name in names},
    }


def _hosts(run: Run) -> list[Host]:
    planned = [host["instance_id"] for host in run.plan.document.get("facts", {}).get("hosts", ()) if "instance_id" in host]
    found = Host.objects.in_bulk(planned)
    return [found[key] for key in planned if key in found]


def _downtime(run: Run) -> dict[str, float | None]:
    found = None if run.started is None else shop.downtime(run.service, run.environment, run.started, run.ended or timezone.now())
    if found is None or all(state == shop.UNKNOWN for _, _, state in found.bands):
        return {"downtime_seconds": None, "unasked_seconds": None}
    return {"downtime_seconds": round(found.seconds, 1), "unasked_seconds": round(found.unasked_seconds, 1)}
