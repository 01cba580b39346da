"""P18: all of it together. Points: `SEED`, a random schedule of three faults in one release that the seed determines."""

from __future__ import annotations

import random
from collections.abc import Iterator

from faults import journal, schedules
from faults.points import Promise, Verdict
from faults.rig import Rig

WHERE = "pre-production"
SCHEDULES = 1000
FAULTS = (
    *schedules.DEATHS, schedules.STOPPED, "valkey-flushed", "valkey-restarted", "valkey-away", "database-locked", "throttled",
    "aws-stumbles", "connections-reset", "replies-swallowed", "black-hole", "refused", "web-killed", "scheduler-killed", "scheduler-frozen",
)  # fmt: skip


def points(rig: Rig) -> Iterator[str]:
    yield from (str(seed) for seed in range(1, SCHEDULES + 1))


def events(seed: str, count: int) -> list[schedules.Event]:
    """The same seed, the same schedule."""
    chance = random.Random(f"schedule:{seed}")
    chosen = [schedules.Event(chance.randint(1, count), chance.choice(journal.POINTS), chance.choice(FAULTS)) for _ in range(3)]
    return sorted(chosen, key=lambda event: (event.number, journal.POINTS.index(event.at)))


def run(rig: Rig, point: str) -> Verdict:
    chosen = events(point, len(schedules.numbers(rig, WHERE)))
    verdict = schedules.play(rig, WHERE, *chosen, must_be_reached=False)
    said = ", ".join(f"{event.what} at {event.number}:{event.at}" for event in chosen)
    return Verdict(verdict.violations, verdict.recovery, f"{said}; {verdict.said}".rstrip("; "))


PROMISE = Promise("P18", "All of this holds together: any of these faults, in any order", points, run)
