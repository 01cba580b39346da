"""P2: a reply that is lost is neither a failure nor a reason to repeat.

Points: `aws:OPERATION[:nth]`, `ssh:N` (the N-th act, on a host; `ssh:together`, all of them in one release), `commit:N` (the N-th commit of
the database in the worker's tick).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

from faults import releases, schedules, timing, ways
from faults.points import Promise, Verdict
from faults.processes import until
from faults.rig import TERMINAL, Rig

WHERE = "pre-production"
CHANGES = ("PutObject", "CreateApplicationVersion", "UpdateEnvironment:1", "UpdateEnvironment:2")
QUESTIONS = (
    "HeadObject", "DescribeApplicationVersions", "DescribeEnvironments", "DescribeEvents", "DescribeInstancesHealth",
    "DescribeEnvironmentHealth", "DescribeTargetHealth",
)  # fmt: skip
ON_HOSTS = ("host.command", "host.look", "magento.maintenance", "magento.reopen")
COMMITS = 90  # a release in pre-production makes fewer in one tick


def points(rig: Rig) -> Iterator[str]:
    yield from (f"aws:{operation}" for operation in (*CHANGES, *QUESTIONS))
    yield f"ssh:{schedules.TOGETHER}"
    yield from (f"ssh:{number}" for number in schedules.numbers(rig, WHERE, *ON_HOSTS))
    yield from (f"commit:{number}" for number in range(1, COMMITS + 1))


def run(rig: Rig, point: str) -> Verdict:
    kind, _, what = point.partition(":")
    if kind == "ssh" and what == schedules.TOGETHER:
        return schedules.together(rig, WHERE, "replies-swallowed", *ON_HOSTS)
    if kind == "ssh":
        return schedules.play(rig, WHERE, schedules.Event(int(what), "after-intent", "replies-swallowed"))
    if kind == "commit":
        return _commit(rig, int(what))
    operation, _, nth = what.partition(":")
    return _aws(rig, operation, int(nth or 1))


def _commit(rig: Rig, number: int) -> Verdict:
    marker = rig.folder / f"commit-{uuid.uuid4().hex}"
    return schedules.play(rig, WHERE, worker={"lose_commit": number, "marker": str(marker)})


def _aws(rig: Rig, operation: str, nth: int) -> Verdict:
    """The fault is asked for right before the call that it is about."""
    releases.reference(rig, WHERE)
    plan = ways.plan(rig, WHERE)
    worker = 0
    try:
        worker = rig.fork("worker")
        if nth == 1:
            rig.sim("faults", kind="lost-reply", times=1, options={"operation": operation})
        release = releases.start(rig, WHERE, plan)
        if nth > 1:
            until("the call before", lambda: _count(rig, release, operation) >= nth - 1, seconds=timing.LONGEST_RUN, pause=0.01)
            rig.sim("faults", kind="lost-reply", times=1, options={"operation": operation})
        struck = time.monotonic()
        until("the fault", lambda: not rig.state()["faults"] or rig.run(release.number)["state"] in TERMINAL, seconds=timing.LONGEST_RUN)
        missed = bool(rig.state()["faults"])
        result = releases.verdict(release)
        if missed:
            result.violations.append(f"{operation} was never called")
        result.recovery = min(time.monotonic() - struck, timing.LONGEST_RUN) if result.violations else None
        return result
    finally:
        rig.nursery.kill(worker)
        rig.clear_faults()


def _count(rig: Rig, release: releases.Release, operation: str) -> int:
    if rig.run(release.number)["state"] in TERMINAL:
        return 99
    return sum(deed["what"] == operation for deed in rig.deeds(release.began.deeds))


PROMISE = Promise("P2", "A reply that is lost is neither a failure nor a reason to repeat", points, run)
