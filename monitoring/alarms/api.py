"""Alarms for machines: each beside its declaration, and its transitions, by cursor."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status

from monitoring.alarms import actions, board, history, plans
from monitoring.alarms.board import Row
from monitoring.alarms.models import Transition
from people.permissions import require
from runs.models import Plan

router = Router(tags=["monitoring"])
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(max_length=100)]


class DifferenceOut(Schema):
    name: str
    declared: str
    live: str
    differs: bool


class TunnelOut(Schema):
    address: str
    up: bool
    since: datetime


class AlarmOut(Schema):
    """`state` is CloudWatch's word; `word` is ours, which knows what is expected, acknowledged, soon or old."""

    name: str
    state: str | None
    word: str
    since: datetime | None
    reason: str
    declared: str
    live: str
    verdict: str
    differences: list[DifferenceOut]
    expected: bool
    run: int | None
    acknowledged_by: str | None
    note: str
    muted_until: datetime | None
    muted: bool
    bad_for_minutes: int | None  # None: its figures were not read lately
    alarms_after_minutes: int
    tunnels: list[TunnelOut]
    seen: datetime | None


class AlarmPage(Schema):
    items: list[AlarmOut]
    next: str | None
    read: datetime | None
    problem: str
    unread: list[str]  # what was not read lately besides, in words


class TransitionOut(Schema):
    id: int
    at: datetime
    kind: str
    old: str
    new: str
    summary: str
    reason: str
    expected: bool
    run: int | None
    lasted_seconds: float | None
    data: dict[str, Any]


class TransitionPage(Schema):
    items: list[TransitionOut]
    next: str | None


@router.get("/alarms", response=AlarmPage)
def alarms(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "") -> dict[str, Any]:
    """By name."""
    require(request.user, "view")
    shown = board.board(strips=False)
    rows = sorted((row for row in shown.rows if row.name > cursor), key=lambda row: row.name)
    read, problem = (shown.reading.answered, shown.reading.problem) if shown.reading else (None, "")
    following = rows[limit - 1].name if len(rows) > limit else None
    return {"items": [_alarm(row) for row in rows[:limit]], "next": following, "read": read, "problem": problem, "unread": shown.not_known}


@router.get("/alarms/{name}/transitions", response=TransitionPage)
def transitions(request: HttpRequest, name: str, limit: Limit = 50, cursor: Cursor = "") -> dict[str, Any]:
    """Newest first."""
    require(request.user, "view")
    try:
        page = history.page(name, cursor=cursor, size=limit)
    except history.BadCursor as error:
        raise Http404(str(error)) from error
    if not page.lines and not Transition.objects.filter(alarm=name).exists():
        _row(name)
    return {"items": [_transition(line) for line in page.lines], "next": page.next or None}


class NoteIn(Schema):
    note: str


class MuteIn(Schema):
    """For so many minutes from now; `why` is read by whoever wonders about the silence."""

    alarms: list[str]
    minutes: int
    why: str


class SmallPlanOut(Schema):
    """Started by POST /runs, with its id and hash."""

    id: UUID
    kind: str
    title: str
    environment: str
    hash: str
    made: datetime
    steps: list[dict[str, Any]]


@router.post("/alarms/{name}/acknowledgement", response=AlarmOut)
def acknowledge(request: HttpRequest, name: str, given: NoteIn) -> dict[str, Any]:
    """Somebody looks after it: good for this alarm, not for the next."""
    by = require(request.user, "acknowledge")
    _row(name)
    actions.acknowledge(name, note=given.note, by=by)
    return _alarm(_row(name))


def _row(name: str) -> board.Row:
    """Raises Http404 where the board has none of that name."""
    row = board.row_of(name, timezone.now())
    if row is None:
        raise Http404(f"There is no alarm {name}. GET /api/v1/alarms lists what there is.")
    return row


@router.post("/alarms/{name}/plans", response={201: SmallPlanOut})
def plan_apply(request: HttpRequest, name: str) -> Status[dict[str, Any]]:
    """What makes the alarm what the estate's file says."""
    by = require(request.user, plans.CHANGE, planning=True)
    return Status(201, _plan(actions.plan_apply(name, by=by)))


@router.post("/mutes", response={201: SmallPlanOut})
def plan_mute(request: HttpRequest, wanted: MuteIn) -> Status[dict[str, Any]]:
    by = require(request.user, plans.MUTE, planning=True)
    return Status(201, _plan(actions.plan_mute(wanted.alarms, minutes=wanted.minutes, why=wanted.why, by=by)))


@router.post("/mutes/{rule}/end", response={201: SmallPlanOut})
def plan_unmute(request: HttpRequest, rule: str) -> Status[dict[str, Any]]:
    by = require(request.user, plans.MUTE, planning=True)
    return Status(201, _plan(actions.plan_unmute(rule, by=by)))


class TopicIn(Schema):
    topic: str


@router.post("/alarm-subscriptions", response={201: SmallPlanOut})
def plan_subscribe(request: HttpRequest, wanted: TopicIn) -> Status[dict[str, Any]]:
    """Has a topic that alarms tell also tell this console."""
    by = require(request.user, plans.CHANGE)
    return Status(201, _plan(actions.plan_subscribe(wanted.topic, by=by)))


def _plan(made: Plan) -> dict[str, Any]:
    told = {name: getattr(made, name) for name in ("kind", "title", "environment", "hash", "made")}
    return told | {"id": made.pk, "steps": made.document["steps"]}


def _alarm(row: Row) -> dict[str, Any]:
    live = row.live
    return {
        "name": row.name,
        "state": live.state if live else None,
        "word": row.word,
        "since": live.since if live else None,
        "reason": live.reason if live else "",
        "declared": ", ".join(filter(None, row.wanted)),
        "live": ", ".join(filter(None, row.condition)),
        "verdict": row.verdict[1],
        "differences": [{"name": x.name, "declared": x.declared, "live": x.live, "differs": x.differs} for x in row.differing],
        "expected": bool(live and live.expected),
        "run": live.run if live else None,
        "acknowledged_by": str(live.acknowledged_by) if live and live.is_acknowledged else None,
        "note": live.note if live and live.is_acknowledged else "",
        "muted": row.mute is not None,
        "muted_until": row.mute.ends if row.mute else None,
        "bad_for_minutes": None if "figures" in row.unread else row.bad_for,
        "alarms_after_minutes": row.needed,
        "tunnels": [{"address": t.address, "up": t.up, "since": t.since} for t in row.tunnels],
        "seen": live.seen if live else None,
    }


def _transition(line: history.Line) -> dict[str, Any]:
    each = line.transition
    told = {name: getattr(each, name) for name in ("id", "at", "kind", "old", "new", "summary", "reason", "expected", "run", "data")}
    return told | {"lasted_seconds": line.lasted.total_seconds() if line.lasted is not None else None}
