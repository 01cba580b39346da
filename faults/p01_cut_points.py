"""P1: a change that is killed anywhere ends well or says that it does not know, and no effect happens twice.

Points: WAY:N:AT:MODE, for effect N = 1, 2, 3 … of the plan of each way (`faults.ways`) until a run ends without reaching N, each with a
run of its own. `together:WAY:MODE` plays all of a way's by one mode in as few runs as reach them: whoever goes on is killed again.
`kind:NAME` is an effect that stands in no plan: it is reported as not run.
"""

from __future__ import annotations

from collections.abc import Iterator

from faults import journal, schedules, ways
from faults.points import Promise, Verdict
from faults.rig import Rig

MODES = (*schedules.DEATHS, schedules.STOPPED)
TOGETHER = f"{schedules.TOGETHER}:"


def points(rig: Rig) -> Iterator[str]:
    if not rig.prefix or rig.prefix.startswith(schedules.TOGETHER):
        for way in _asked_for(rig, rig.prefix.removeprefix(schedules.TOGETHER).removeprefix(":")):
            yield from (f"{TOGETHER}{way}:{mode}" for mode in MODES)
    for way in _asked_for(rig, rig.prefix):
        count = len(ways.acts(rig, way))
        for number in range(1, count + 1):
            for at in journal.POINTS:
                for mode in MODES:
                    yield f"{way}:{number}:{at}:{mode}"
        yield f"{way}:{count + 1}:{journal.POINTS[0]}:{MODES[0]}"  # the run that reaches no cut, or says why the way is not open here
    if "kind:".startswith(rig.prefix) or rig.prefix.startswith("kind:"):
        yield from (f"kind:{kind}" for kind in ways.uncovered(rig))


def _asked_for(rig: Rig, prefix: str) -> list[str]:
    return [way for way in ways.names(rig) if f"{way}:".startswith(prefix) or prefix.startswith(f"{way}:")]


def run(rig: Rig, point: str) -> Verdict:
    if point.startswith("kind:"):
        raise ways.not_run(point.partition(":")[2])
    if point.startswith(TOGETHER):
        way, mode = point.removeprefix(TOGETHER).rsplit(":", 1)
        return schedules.together(rig, way, mode, at=journal.POINTS)
    way, number, at, mode = point.rsplit(":", 3)
    return schedules.play(rig, way, schedules.Event(int(number), at, mode))


PROMISE = Promise("P1", "A release that is killed anywhere ends well, or says that it does not know; no effect happens twice", points, run)
