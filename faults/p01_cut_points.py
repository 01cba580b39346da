"""P1: a release that is killed anywhere ends well or says that it does not know, and no effect happens twice.

Points: ENVIRONMENT:N:AT:MODE, for effect N = 1, 2, 3 … of the plan until a run ends without reaching N.
"""

from __future__ import annotations

from collections.abc import Iterator

from faults import journal, schedules
from faults.points import Promise, Verdict
from faults.rig import Rig

ENVIRONMENTS = ("pre-production", "production")
MODES = (*schedules.DEATHS, schedules.STOPPED)


def points(rig: Rig) -> Iterator[str]:
    for environment in ENVIRONMENTS:
        count = len(schedules.numbers(rig, environment))
        for number in range(1, count + 1):
            for at in journal.POINTS:
                for mode in MODES:
                    yield f"{environment}:{number}:{at}:{mode}"
        yield f"{environment}:{count + 1}:{journal.POINTS[0]}:{MODES[0]}"  # the run that reaches no cut


def run(rig: Rig, point: str) -> Verdict:
    environment, number, at, mode = point.split(":")
    return schedules.play(rig, environment, schedules.Event(int(number), at, mode))


PROMISE = Promise("P1", "A release that is killed anywhere ends well, or says that it does not know; no effect happens twice", points, run)
