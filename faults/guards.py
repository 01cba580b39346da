"""Proves that the suite sees: with each guard of the console removed, the point that is about it must come out as a violation."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from faults import releases, sabotage, schedules, suite, timing
from faults.processes import NotThere
from faults.releases import Broken
from faults.rig import Rig

ENOUGH = 60.0  # seconds after which a run that nobody goes on with is taken for lost
_LONGEST = timing.LONGEST_RUN
_waiting: list[None] = []
QUICK = 1500  # simulated seconds in a real one: what was begun is over before anybody comes back to it, so that doing it again is accepted


def caught(rig: Rig, guard: str) -> str:
    """What the suite says of a console without that guard; "" where it does not say what it should (then what it says is printed)."""
    words = sabotage.CAUGHT_BY[guard][1]
    found = _found(rig, guard, rig.without(guard))
    right = next((each for each in found if words in each), "")
    if not right:
        print(f"{guard}: nothing of “{words}” in: {'; '.join(found) or 'no violation'}", file=sys.stderr, flush=True)
    return right


def faulted(rig: Rig, guard: str) -> list[str]:
    """What the same point says of the console as it is: nothing, or the guard's being caught proves nothing."""
    return _found(rig, guard, contextlib.nullcontext())


def database(guard: str) -> str:
    """On which its point is played."""
    name, _, point = sabotage.CAUGHT_BY[guard][0].partition(":")
    return suite.PROMISES[name].database(point)


def _found(rig: Rig, guard: str, console: contextlib.AbstractContextManager[None]) -> list[str]:
    token = sabotage.CAUGHT_BY[guard][0]
    name, _, point = token.format(update=_first_update(rig) if "{" in token else "").partition(":")
    promise = suite.PROMISES[name]
    if name not in ("P5", "P7", "P8", "P9"):
        releases.reference(rig, "pre-production")
    rig.sim("speed", speed=QUICK if name in ("P1", "P2") else rig.speed)
    try:
        with console, impatient():
            return promise.run(rig, point).violations
    except (NotThere, Broken) as error:
        return [str(error)]
    finally:
        rig.sim("speed", speed=rig.speed)


def _first_update(rig: Rig) -> int:
    return schedules.numbers(rig, "pre-production", "beanstalk.update")[0]


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Of how many guards at a time it is asked does not matter: the last one to leave has everybody wait as before."""
    _waiting.append(None)
    timing.LONGEST_RUN = ENOUGH
    try:
        yield
    finally:
        _waiting.pop()
        timing.LONGEST_RUN = ENOUGH if _waiting else _LONGEST


def main(names: Sequence[str], seed: int, side_by_side: int) -> int:
    """Each on a rig of its own: what it leaves behind is no place for the next."""
    asked = list(names or sabotage.GUARDS)
    with ThreadPoolExecutor(side_by_side, thread_name_prefix="guards") as threads:
        seen = list(threads.map(lambda guard: _is_seen(guard, seed), asked))
    print(f"{sum(seen)} of {len(asked)} guards are missed when they are gone, and with them the same points hold.", flush=True)
    return 0 if all(seen) else 1


def _is_seen(guard: str, seed: int) -> bool:
    began = time.monotonic()
    try:
        with Rig(seed=seed, database=database(guard)) as rig:
            wrong = faulted(rig, guard)
            found = "" if wrong else caught(rig, guard)
    except (NotThere, Broken) as error:  # before the guard was removed
        wrong, found = [str(error)], ""
    words = f"caught: {found[:200]}" if found else f"WITH IT: {'; '.join(wrong)}" if wrong else "NOT SEEN"
    print(f"{guard:<16} {sabotage.CAUGHT_BY[guard][0]:<60} ({time.monotonic() - began:.0f} s) {words}", file=sys.stderr, flush=True)
    return bool(found)
