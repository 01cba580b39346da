"""P4: the database may be away, too. Points: DATABASE:N:HOW at the boundary of effect N, or `together` at all in one release."""

from __future__ import annotations

from collections.abc import Iterator

from faults import schedules
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


def run(rig: Rig, point: str) -> Verdict:
    _, number, how = point.split(":")
    if number == schedules.TOGETHER:
        return schedules.together(rig, WHERE, f"database-{how}")
    return schedules.play(rig, WHERE, schedules.Event(int(number), "after-intent", f"database-{how}"))


PROMISE = Promise(
    "P4", "The database may be away: no effect without its intent, no line lost", points, run, database=lambda point: point.split(":")[0]
)
