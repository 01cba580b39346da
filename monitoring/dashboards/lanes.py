"""Alarm states on the time axis of a dashboard: a lane for each alarm, from the history that is kept for years."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone

from monitoring.alarms.board import is_late
from monitoring.alarms.models import Alarm, Reading, Transition

MOST = 400  # transitions of one alarm in one span; more cannot be told apart
LIGHTS = {"OK": "ok", "ALARM": "bad", "INSUFFICIENT_DATA": "unknown"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """In one state, from `start` until `end`; None: until now."""

    light: str
    start: datetime
    end: datetime | None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        end = int(self.end.timestamp()) if self.end else None
        return {"light": self.light, "from": int(self.start.timestamp()), "to": end, "why": self.why}


@dataclass(frozen=True, slots=True)
class Lane:
    """`now` is of now, also where the lane ends long ago."""

    name: str
    url: str
    now: Stretch
    stretches: tuple[Stretch, ...]

    def to_json(self) -> dict[str, Any]:
        spans = [each.to_json() for each in self.stretches]
        return {"name": self.name, "url": self.url, "now": self.now.to_json(), "spans": spans}


def lanes(start: datetime, end: datetime) -> list[Lane]:
    """Every alarm that CloudWatch has, by name; what was before the first transition that is known is left open."""
    states = Transition.objects.filter(kind=Transition.Kind.STATE)
    before = states.filter(alarm=OuterRef("name"), at__lt=start).order_by("-at", "-id").values("pk")[:1]
    alarms = list(Alarm.objects.filter(gone=None).annotate(before=Subquery(before)))
    firsts = {each.alarm: each for each in states.filter(pk__in=[alarm.before for alarm in alarms if alarm.before])}
    reading = Reading.objects.first() if alarms else None
    answered = reading.answered if reading else None
    seen = answered if is_late(answered, timezone.now()) else None
    found = [_lane(alarm, firsts.get(alarm.name), start, end, seen) for alarm in alarms]
    read = (reading.through or reading.answered) if reading else None
    return [_known_until(lane, read) for lane in found] if read and is_late(read, end) else found


def _known_until(lane: Lane, read: datetime) -> Lane:
    """Whatever it was when its history was read last, nobody knows what it has been since."""
    known = [replace(each, end=min(each.end or read, read)) for each in lane.stretches if each.start < read]
    return replace(lane, stretches=(*known, Stretch("unknown", read, None, "not read")))


def _lane(alarm: Alarm, first: Transition | None, start: datetime, end: datetime, seen: datetime | None) -> Lane:
    """`seen`: its state was read then, and not lately."""
    within = Transition.objects.filter(alarm=alarm.name, kind=Transition.Kind.STATE, at__gte=start, at__lte=end)
    found = [*([first] if first else []), *reversed(within.order_by("-at", "-id")[:MOST])]
    stretches = [_stretch(each, following.at if following else None) for each, following in zip(found, [*found[1:], None], strict=False)]
    if not found and alarm.since <= end:  # it has been so since before its history is known, and its age is told beside the lane
        stretches = [Stretch(LIGHTS.get(alarm.state, "unknown"), alarm.since, None)]
    light = "expected" if alarm.state == "ALARM" and alarm.expected else LIGHTS.get(alarm.state, "unknown")
    now = Stretch("unknown", seen, None, "not read") if seen else Stretch(light, alarm.since, None)
    return Lane(alarm.name, reverse("alarms:detail", args=(alarm.name,)), now, tuple(stretches))


def _stretch(transition: Transition, end: datetime | None) -> Stretch:
    light = LIGHTS.get(transition.new, "unknown")
    if light == "bad" and transition.expected:
        return Stretch("expected", transition.at, end, f"run {transition.run}" if transition.run else "a release")
    return Stretch(light, transition.at, end)
