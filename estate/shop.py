"""Was the shop open? Told from what visitors from outside were answered, second by second, and from nothing else.

Rows are written by `monitoring.prober`. The seconds between an answer and the next belong to the answer; where no answer came for longer
than `GAP`, nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from estate.models import ShopAnswer

GAP = timedelta(seconds=5)
UNKNOWN = "unknown"

Answer = tuple[datetime, datetime | None, str]  # when it came, until when it came again and again, and its state
Band = tuple[datetime, datetime, str]


@dataclass(frozen=True, slots=True)
class Downtime:
    """`bands` are (from, to, state), without holes, from start to end; states are ShopAnswer's and "unknown"."""

    closed_seconds: float = 0.0
    broken_seconds: float = 0.0
    silent_seconds: float = 0.0
    unknown_seconds: float = 0.0
    bands: list[Band] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """In which a visitor could not shop."""
        return self.closed_seconds + self.broken_seconds + self.silent_seconds

    @property
    def unasked_seconds(self) -> float:
        """In which nobody asked: where there are any, nobody may say that it never closed. Less than one gap is none."""
        return self.unknown_seconds if self.unknown_seconds >= GAP.total_seconds() else 0.0


def downtime(service: str, environment: str, start: datetime, end: datetime) -> Downtime:
    rows = ShopAnswer.objects.filter(service=service, environment=environment, time__lt=end).order_by("time")
    last_before = rows.filter(time__lt=start).order_by("-time").values_list("time", flat=True).first()
    return measured(rows.filter(time__gte=last_before or start).values_list("time", "until", "state"), start, end)


def measured(answers: Iterable[Answer], start: datetime, end: datetime) -> Downtime:
    """Pure: the same answers, the same downtime. `answers` stand in the order of their times."""
    bands: list[Band] = []
    state, known_until = UNKNOWN, start
    begins = start
    for time, last, answered in answers:
        next_begins = min(max(time, start), end)
        _add_known(bands, begins, next_begins, state, known_until)
        begins, state, known_until = next_begins, answered, (last or time) + GAP
    _add_known(bands, begins, end, state, known_until)
    total = {name: sum((to - since).total_seconds() for since, to, named in bands if named == name) for name in {band[2] for band in bands}}
    return Downtime(
        closed_seconds=total.get(ShopAnswer.State.CLOSED.value, 0.0),
        broken_seconds=total.get(ShopAnswer.State.BROKEN.value, 0.0),
        silent_seconds=total.get(ShopAnswer.State.SILENT.value, 0.0),
        unknown_seconds=total.get(UNKNOWN, 0.0),
        bands=bands,
    )


def _add_known(bands: list[Band], since: datetime, to: datetime, state: str, known_until: datetime) -> None:
    """What was answered, as far as it is known; nobody knows the rest."""
    known = max(since, min(to, known_until))
    _add(bands, since, known, state)
    _add(bands, known, to, UNKNOWN)


def _add(bands: list[Band], since: datetime, to: datetime, state: str) -> None:
    """Joins with the band before where the state goes on."""
    if to <= since:
        return
    if bands and bands[-1][2] == state and bands[-1][1] == since:
        bands[-1] = (bands[-1][0], to, state)
    else:
        bands.append((since, to, state))
