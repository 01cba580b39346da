"""P10: clocks may lie. Points: `worker:SECONDS` (its wall clock is so far off), `libfaketime:SECONDS` (the clock of whole processes is)."""

from __future__ import annotations

import ctypes.util
from collections.abc import Iterator
from pathlib import Path

from faults import schedules
from faults.points import NotRun, Promise, Verdict
from faults.rig import Rig

WHERE = "pre-production"
OFF = (-600, -3, 3, 600)
_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def points(rig: Rig) -> Iterator[str]:
    for seconds in OFF:
        yield f"worker:{seconds}"
    for seconds in OFF:
        yield f"libfaketime:{seconds}"


def run(rig: Rig, point: str) -> Verdict:
    which, seconds = point.split(":")
    more: dict[str, object] = {"clock": float(seconds)}
    if which == "libfaketime":
        if not ctypes.util.find_library("faketime") and not list(Path("/").glob(_LIBRARIES.lstrip("/"))):
            raise NotRun("libfaketime is not installed: clocks of whole processes were not made to lie.")
        raise NotRun("libfaketime has to be there before a process begins; the suite's are forked, and lie by their own clock only.")
    # A worker that dies in the middle: the next must neither steal its lease early nor wait for a time that never comes.
    verdict = schedules.play(
        rig, WHERE, schedules.Event(9, "after-effect", "kill-tick"), worker=more, must_be_reached=abs(float(seconds)) < 5
    )
    words = " ".join(verdict.violations)
    if abs(float(seconds)) > 5 and "Clocks agree" in words and "Nothing has been changed" in words:
        return Verdict([], verdict.recovery, verdict.violations[0])  # stopped at the gate, before any change, in words
    return verdict


PROMISE = Promise("P10", "Clocks may lie: no lease is stolen, nothing runs twice, no duration is negative", points, run)
