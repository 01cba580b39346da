"""P4: the database may be away, too. Points: DATABASE:N:HOW at the boundary of effect N, or `together` at all in one release.

What the console itself says while it is away exists nowhere else: each of those lines has to be in the run's log at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from faults import oracle, releases, schedules, timing
from faults.points import Promise, Verdict
from faults.rig import Rig

WHERE = "pre-production"
HOW = {"sqlite": ("locked",), "postgresql": ("stopped", "frozen")}


def points(rig: Rig) -> Iterator[str]:
    numbers = (schedules.TOGETHER, *schedules.numbers(rig, WHERE))
    for database, ways in HOW.items():
        for number in numbers:
            for how in ways:
                yield f"{database}:{number}:{how}"


def _patience() -> dict[str, Any]:
    """SQLite waits for a lock as long as a lease is in production, too: shorter than the lock is held."""
    return {"patience": timing.LEASE}


@dataclass
class _Away(schedules.Schedule):
    worker: dict[str, Any] = field(default_factory=_patience)
    must_succeed: bool = True

    def _follow(self, release: releases.Release) -> dict[str, Any]:
        ended = super()._follow(release)
        self.found += oracle.own_lines(self.rig, release.number)
        return ended


def run(rig: Rig, point: str) -> Verdict:
    _, number, how = point.split(":")
    if number == schedules.TOGETHER:
        return schedules.together(rig, WHERE, f"database-{how}", by=_Away)
    return _Away(rig, WHERE, [schedules.Event(int(number), "after-intent", f"database-{how}")]).play()


PROMISE = Promise(
    "P4", "The database may be away: no effect without its intent, no line lost", points, run, database=lambda point: point.split(":")[0]
)
