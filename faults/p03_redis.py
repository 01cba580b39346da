"""P3: all of Redis may be lost at any time.

Points: N:flushed|restarted|away at the boundary of effect N, or `together` at all of them in one release; `press`: a run that is started
while Redis is away. The release has to succeed: `unknown` is not enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from faults import journal, releases, schedules, timing, ways
from faults.points import Promise, Verdict
from faults.processes import until
from faults.rig import Rig

WHERE = "pre-production"


def points(rig: Rig) -> Iterator[str]:
    yield "press"
    for number in (schedules.TOGETHER, *schedules.numbers(rig, WHERE)):
        for how in ("flushed", "restarted", "away"):
            yield f"{number}:{how}"


def run(rig: Rig, point: str) -> Verdict:
    if point == "press":
        return _press(rig)
    number, how = point.split(":")
    if number == schedules.TOGETHER:
        return schedules.together(rig, WHERE, f"valkey-{how}", by=partial(schedules.Schedule, must_succeed=True))
    return schedules.play(rig, WHERE, schedules.Event(int(number), "after-intent", f"valkey-{how}"), must_succeed=True)


def _press(rig: Rig) -> Verdict:
    releases.reference(rig, WHERE)
    plan = ways.plan(rig, WHERE)
    worker = rig.fork("worker")
    rig.valkey.kill()
    try:
        release = releases.start(rig, WHERE, plan)
        state = rig.run(release.number)["state"]
    finally:
        rig.valkey.start()
    back = journal.now()
    try:
        begun = until("somebody to begin with it", lambda: _begun(rig, release.number), seconds=timing.RESUMED)
        result = releases.verdict(release, must_succeed=True)
    finally:
        rig.nursery.kill(worker)
    if state != "queued":
        result.violations.append(f"pressed without Redis and without a worker, the run was {state}")
    result.recovery = max(0.0, begun - back)
    return result


def _begun(rig: Rig, run: int) -> float | None:
    return next((entry["t"] for entry in journal.deeds(rig.journal, run)), None)


PROMISE = Promise("P3", "All of Redis may be lost at any time: nothing is lost, nothing happens twice", points, run)
