"""P10: clocks may lie. Points: `worker:SECONDS` (what Django calls the time is so far off in a worker's process), `libfaketime:SECONDS` (a
worker, all that it starts and every library in it have a wall clock that is so far off: libfaketime stands before the C library).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import oracle, releases, schedules
from faults.points import NotRun, Promise, Verdict
from faults.processes import Nursery
from faults.rig import Rig

WHERE = "pre-production"
OFF = (-600, -3, 3, 600)
LARGE = 5  # seconds; by so much a clock may differ before the gate “Clocks agree” is shut
_LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"


def points(rig: Rig) -> Iterator[str]:
    for which in ("worker", "libfaketime"):
        yield from (f"{which}:{seconds}" for seconds in OFF)


@dataclass
class _Beside(schedules.Schedule):
    def _follow(self, release: releases.Release) -> dict[str, Any]:
        ended = super()._follow(release)
        self.found += oracle.stolen(self.rig, release.number)
        return ended


@dataclass
class _FromElsewhere(_Beside):
    """Its workers are forked where the clock is another."""

    nursery: Nursery | None = None

    def _hire(self) -> None:
        assert self.nursery is not None
        self.rig.workers = self.workers
        cuts = [armed.cut(self.rig) for armed in self.armed]
        self.workers.append(self.nursery.fork("worker", journal=str(self.rig.journal), cuts=cuts))

    def _leave(self) -> None:
        assert self.nursery is not None
        self.nursery.kill(*self.workers)
        super()._leave()


def run(rig: Rig, point: str) -> Verdict:
    which, seconds = point.split(":")
    is_large = abs(int(seconds)) > LARGE
    # A worker that dies in the middle: the next must neither steal its lease early nor wait for a time that never comes. Another one, whose
    # clock is right, has come before: by it the first one's lease must not be over.
    events = (schedules.Event(8, "after-intent", "joined"), schedules.Event(9, "after-effect", "kill-tick"))
    if which == "libfaketime":
        folder = rig.folder / f"clock{seconds}"
        folder.mkdir(exist_ok=True)
        with closing(Nursery(rig.env | _environment(seconds), folder)) as nursery:
            verdict = _FromElsewhere(rig, WHERE, events, must_be_reached=not is_large, nursery=nursery).play()
    else:
        verdict = _Beside(rig, WHERE, events, worker={"clock": float(seconds)}, must_be_reached=not is_large).play()
    return _stopped_at_the_gate(verdict) if is_large else verdict


def _stopped_at_the_gate(verdict: Verdict) -> Verdict:
    """Before any change, and in words: that one sentence is no violation, whatever else was found is."""
    said = next((each for each in verdict.violations if "Clocks agree" in each and "Nothing has been changed" in each), "")
    return Verdict([each for each in verdict.violations if each != said], verdict.recovery, said or verdict.said)


def _environment(seconds: str) -> dict[str, str]:
    """The clock that counts leases is spared: a machine's own does not jump either."""
    found = sorted(Path("/").glob(_LIBRARIES))
    if not found:
        raise NotRun("libfaketime is not installed: clocks of whole processes were not made to lie.")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": f"{int(seconds):+}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


PROMISE = Promise("P10", "Clocks may lie: no lease is stolen, nothing runs twice, no duration is negative", points, run)
