"""P1: a change that is killed anywhere ends well or says that it does not know, and no effect happens twice.

Points: WAY:N:AT:MODE, for effect N = 1, 2, 3 … of the plan of each way (`faults.ways`) until a run ends without reaching N. `kind:NAME` is
an effect that stands in no plan: it is reported as not run.
"""

from __future__ import annotations

from collections.abc import Iterator

from faults import journal, schedules, ways
from faults.points import Promise, Verdict
from faults.rig import Rig

MODES = (*schedules.DEATHS, schedules.STOPPED)


def points(rig: Rig) -> Iterator[str]:
    wanted = [way for way in ways.names(rig) if f"{way}:".startswith(rig.prefix) or rig.prefix.startswith(f"{way}:")]
    for way in wanted:
        count = len(ways.acts(rig, way))
        for number in range(1, count + 1):
            for at in journal.POINTS:
                for mode in MODES:
                    yield f"{way}:{number}:{at}:{mode}"
        yield f"{way}:{count + 1}:{journal.POINTS[0]}:{MODES[0]}"  # the run that reaches no cut, or says why the way is not open here
    if not rig.prefix or rig.prefix.startswith("kind:"):
        yield from (f"kind:{kind}" for kind in ways.uncovered(rig))


def run(rig: Rig, point: str) -> Verdict:
    if point.startswith("kind:"):
        raise ways.not_run(point.partition(":")[2])
    way, number, at, mode = point.rsplit(":", 3)
    return schedules.play(rig, way, schedules.Event(int(number), at, mode))


PROMISE = Promise("P1", "A release that is killed anywhere ends well, or says that it does not know; no effect happens twice", points, run)
