"""P18: all of it together. Points: `SEED`, a random schedule of three faults in one change of the world.

The seed determines both: a release by any strategy, a small operation, a VPN user, an alarm (`faults.ways`), and what happens to it when.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from faults import journal, schedules, ways
from faults.points import NotRun, Promise, Verdict
from faults.rig import Rig

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


def way(rig: Rig, seed: str) -> str:
    return random.Random(f"way:{seed}").choice(ways.names(rig))


def run(rig: Rig, point: str) -> Verdict:
    where = way(rig, point)
    count = len(schedules.numbers(rig, where))
    if not count:
        raise NotRun(f"{where} has no plan now whose acts could be struck.")
    chosen = events(point, count)
    verdict = schedules.play(rig, where, *chosen, must_be_reached=False)
    said = f"{where}: " + ", ".join(f"{event.what} at {event.number}:{event.at}" for event in chosen)
    return Verdict(verdict.violations, verdict.recovery, f"{said}; {verdict.said}".rstrip("; "), unknown=verdict.unknown)


PROMISE = Promise("P18", "All of this holds together: any of these faults, in any order", points, run)
