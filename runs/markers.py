"""Releases on a time axis: which were at work between two moments, with version and result. For whoever draws one: charts, alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from runs.models import Run

KINDS = ("release", "adopted")
MOST = 200


@dataclass(frozen=True, slots=True)
class Marker:
    """`end` is None while it goes on. `version` is the label that was deployed; `result` the run's state."""

    run: int
    service: str
    environment: str
    version: str
    title: str
    result: str
    start: datetime
    end: datetime | None


def between(start: datetime, end: datetime, *, environment: str = "", service: str = "") -> tuple[Marker, ...]:
    """Those that were at work at some moment of [start, end], oldest first, the newest `MOST` of them. One query."""
    wanted = Q(kind__in=KINDS, started__lte=end) & (Q(ended__gte=start) | Q(ended=None))
    for name, value in {"environment": environment, "service": service}.items():
        if value:
            wanted &= Q(**{name: value})
    runs = Run.objects.filter(wanted).select_related("plan").order_by("-started")[:MOST]
    return tuple(_marker(run) for run in reversed(runs))


def _marker(run: Run) -> Marker:
    version = str(run.plan.document.get("facts", {}).get("label", ""))
    began = run.started or run.created
    return Marker(run.number, run.service, run.environment, version, run.title, run.state, began, run.ended)
