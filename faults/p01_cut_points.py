"""P1: a release that is killed anywhere ends well or says that it does not know, and no effect happens twice.

Points: ENVIRONMENT:N:AT:MODE, for effect N = 1, 2, 3 … of the plan until a run ends without reaching N.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faults import journal, oracle, releases, timing
from faults.points import Promise, Verdict
from faults.processes import until
from faults.rig import TERMINAL, Rig

ENVIRONMENTS = ("pre-production", "production")
MODES = ("tick", "worker", "both")


def points(rig: Rig) -> Iterator[str]:
    for environment in ENVIRONMENTS:
        count = len(releases.acts(rig.plan(environment, fresh=False)))
        for number in range(1, count + 2):  # the one behind the last is the run that reaches no cut
            for at in journal.POINTS if number <= count else journal.POINTS[:1]:
                for mode in MODES if number <= count else MODES[:1]:
                    yield f"{environment}:{number}:{at}:{mode}"


def run(rig: Rig, point: str) -> Verdict:
    environment, number, at, mode = point.split(":")
    releases.reference(rig, environment)
    plan = rig.plan(environment)
    acts = releases.acts(plan)
    reached = int(number) <= len(acts)
    marker = rig.folder / f"cut-{uuid.uuid4().hex}"
    others = (rig.scheduler,) if mode == "both" else ()
    cut: dict[str, Any] = {"act": acts[int(number) - 1]["key"] if reached else "", "at": at, "marker": str(marker)}
    workers = [rig.fork("worker", cut=cut | {"worker": mode != "tick", "others": others})]
    try:
        release = releases.start(rig, environment, plan)
        until("the cut", lambda: marker.exists() or rig.run(release.number)["state"] in TERMINAL, seconds=timing.LONGEST_RUN, pause=0.05)
        if mode != "tick" and marker.exists():
            workers.append(rig.fork("worker"))
            if mode == "both":
                rig.start_scheduler()
        ended = release.end()
        recovery = _recovery(rig, release.number, marker)
        found = release.judged(ended)
        if reached and not marker.exists():
            found.append(f"the cut {at} of {cut['act']} was never reached")
        if recovery is not None and recovery > timing.RESUMED:
            found.append(f"resumed after {recovery:.1f} s")
        return Verdict(found, recovery, "" if ended["state"] == "succeeded" else f"{ended['state']}: {ended['said']}")
    finally:
        rig.nursery.kill(*workers)
        if not rig.nursery.is_alive(rig.scheduler):
            rig.start_scheduler()


def _recovery(rig: Rig, run: int, marker: Path) -> float | None:
    if not marker.exists():
        return None
    struck = json.loads(marker.read_text())
    return oracle.resumed_after(rig, run, struck["at"], struck["pid"])


PROMISE = Promise("P1", "A release that is killed anywhere ends well, or says that it does not know; no effect happens twice", points, run)
