"""P6: a throttled AWS, or one that stumbles, does not fail a release; and it is not asked more often for it.

Points: N:throttled, N:stumbles at the boundary of effect N, or `together` at all of them in one release; `rate:SECONDS`, how often it is
asked while it throttles everything. The release has to succeed: `unknown` is not enough.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from faults import releases, schedules
from faults.points import Promise, Verdict
from faults.processes import until
from faults.rig import TERMINAL, Rig

WHERE = "pre-production"
SECONDS = 120
MOST = 8  # calls a minute and environment


def points(rig: Rig) -> Iterator[str]:
    yield f"rate:{SECONDS}"
    for number in (schedules.TOGETHER, *schedules.numbers(rig, WHERE)):
        yield f"{number}:throttled"
        yield f"{number}:stumbles"


def run(rig: Rig, point: str) -> Verdict:
    first, second = point.split(":")
    if first == "rate":
        return _rate(rig, int(second))
    what = {"stumbles": "aws-stumbles"}.get(second, second)
    if first == schedules.TOGETHER:
        return schedules.together(rig, WHERE, what, by=partial(schedules.Schedule, must_succeed=True))
    return schedules.play(rig, WHERE, schedules.Event(int(first), "after-intent", what), must_succeed=True)


def _rate(rig: Rig, seconds: int) -> Verdict:
    """Everything is throttled from the first UpdateEnvironment on, while ten viewers look."""
    releases.reference(rig, WHERE)
    worker = rig.fork("worker")
    try:
        release = releases.press(rig, WHERE)
        until("the update", lambda: any(deed["what"] == "UpdateEnvironment" for deed in rig.deeds(release.began.deeds)), seconds=120)
        rig.sim("faults", kind="throttle", options={"seconds": str(seconds)})
        before, end = len(rig.deeds()), time.monotonic() + seconds
        while time.monotonic() < end and rig.run(release.number)["state"] not in TERMINAL:
            for _ in range(10):
                rig.http.get(f"/api/v1/runs/{release.number}")
            time.sleep(1)
        asked = [deed for deed in rig.deeds(before) if deed["what"].startswith("throttled ")]
        result = releases.verdict(release, must_succeed=True)
        rate = len(asked) * 60 / seconds / _environments(rig)
        if rate > MOST:
            result.violations.append(f"{rate:.1f} calls a minute and environment while throttled; {MOST} are promised: {_most(asked)}")
        result.said = f"{rate:.1f} calls a minute and environment"
        return result
    finally:
        rig.nursery.kill(worker)
        rig.clear_faults()


def _most(asked: Sequence[Mapping[str, Any]]) -> str:
    """What was asked most, and of what."""
    counted = Counter(f"{deed['what'].removeprefix('throttled ')} {deed.get('target', '')}".strip() for deed in asked)
    return ", ".join(f"{count} × {words}" for words, count in counted.most_common(12))


def _environments(rig: Rig) -> int:
    return len({host["environment"] for host in rig.state()["hosts"]})


PROMISE = Promise("P6", "A throttled AWS does not fail a release, and is asked less", points, run)
