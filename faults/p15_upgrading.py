"""P15: the console is upgraded in the middle of a release. Points: N, the act at whose boundary all processes are asked to end.

They hand over and end; the migrations are run; processes of another version go on. The release has to succeed: `unknown` is not enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from faults import schedules
from faults.points import Promise, Verdict
from faults.rig import Rig

WHERE = "pre-production"


def points(rig: Rig) -> Iterator[str]:
    yield from map(str, schedules.numbers(rig, WHERE))


def run(rig: Rig, point: str) -> Verdict:
    try:
        verdict = schedules.play(rig, WHERE, schedules.Event(int(point), "after-intent", "upgraded"))
    finally:
        rig.version = ""
    if verdict.said:
        verdict.violations.append(f"the release did not survive: {verdict.said}")
    return verdict


PROMISE = Promise("P15", "The console can be upgraded during a release: it hands over, and the new one ends it well", points, run)
