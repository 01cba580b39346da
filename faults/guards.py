"""Proves that the suite sees: with each guard of the console removed, the point that is about it must come out as a violation."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from faults import releases, sabotage, schedules, suite, timing
from faults.processes import NotThere
from faults.releases import Broken
from faults.rig import Rig

ENOUGH = 60.0  # seconds after which a run that nobody goes on with is taken for lost
QUICK = 1500  # simulated seconds in a real one: what was begun is over before anybody comes back to it, so that doing it again is accepted


def caught(rig: Rig, guard: str) -> str:
    """What the suite says of a console without that guard; "" where it does not say what it should (then what it says is printed)."""
    token, words = sabotage.CAUGHT_BY[guard]
    name, _, point = token.format(update=_first_update(rig) if "{" in token else "").partition(":")
    promise = suite.PROMISES[name]
    if name not in ("P5", "P7", "P8", "P9"):
        releases.reference(rig, "pre-production")
    longest, timing.LONGEST_RUN = timing.LONGEST_RUN, ENOUGH
    rig.sim("speed", speed=QUICK if name in ("P1", "P2") else rig.speed)
    try:
        with rig.without(guard):
            found = promise.run(rig, point).violations
    except (NotThere, Broken) as error:
        found = [str(error)]
    finally:
        timing.LONGEST_RUN = longest
        rig.sim("speed", speed=rig.speed)
    right = next((each for each in found if words in each), "")
    if not right:
        print(f"{guard}: nothing of “{words}” in: {'; '.join(found) or 'no violation'}", file=sys.stderr, flush=True)
    return right


def _first_update(rig: Rig) -> int:
    return schedules.numbers(rig, "pre-production", "beanstalk.update")[0]


def main(names: Sequence[str], seed: int) -> int:
    """Each on a rig of its own: what it leaves behind is no place for the next."""
    missed = []
    for guard in names or sabotage.GUARDS:
        began = time.monotonic()
        with Rig(seed=seed) as rig:
            found = caught(rig, guard)
        if not found:
            missed.append(guard)
        words = f"caught: {found[:200]}" if found else "NOT SEEN"
        print(f"{guard:<16} {sabotage.CAUGHT_BY[guard][0]:<60} ({time.monotonic() - began:.0f} s) {words}", file=sys.stderr, flush=True)
    print(
        f"{len(names or sabotage.GUARDS) - len(missed)} of {len(names or sabotage.GUARDS)} guards are missed when they are gone.",
        flush=True,
    )
    return 1 if missed else 0
