"""A release on a rig, or another change of the world (`faults.ways`): the plan, the press of the button, and the one without any fault
that all others are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faults import oracle, ways
from faults.points import Verdict
from faults.rig import Rig


class Broken(Exception):
    """The rig itself does not work: the release without faults fails."""


_references: dict[tuple[int, str], oracle.World] = {}


@dataclass(slots=True)
class Release:
    """One that was pressed. `environment` is the name of a way."""

    rig: Rig
    environment: str
    plan: dict[str, Any]
    began: oracle.Before
    number: int

    def end(self) -> dict[str, Any]:
        return self.rig.finished(self.number)

    def judged(self, run: Mapping[str, Any] | None = None) -> list[str]:
        run = run or self.end()
        found = oracle.judge(self.rig, self.plan, run, self.began, reference(self.rig, self.environment))
        self.tidy(run)
        return found

    def tidy(self, run: Mapping[str, Any]) -> None:
        """The next one may begin."""
        if run["state"] in oracle.HONEST:
            self.rig.act(self.number, "give_up", "fault suite")
        if run["state"] != "succeeded":
            self.rig.act(self.number, "release_lock", "fault suite")
        ways.tidy(self.rig, self.environment)


def acts(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [act for step in plan["steps"] for act in step["acts"]]


def press(rig: Rig, environment: str) -> Release:
    """Planned and started; a worker must come, and none may be there where a page draws and starts in one go."""
    plan = ways.plan(rig, environment)
    return start(rig, environment, plan)


def start(rig: Rig, environment: str, plan: dict[str, Any]) -> Release:
    began = oracle.before(rig)
    if "run" in plan:
        return Release(rig, environment, plan, began, plan["run"])
    answer = rig.start_run(plan)
    if answer.status_code != 201:
        raise Broken(f"the run was refused: {answer.text[:500]}")
    return Release(rig, environment, plan, began, answer.json()["id"])


def reference(rig: Rig, environment: str) -> oracle.World:
    """The world after a release without faults; made once for each environment, before any fault: boxes of one seed are alike."""
    found = _references.get((rig.seed, environment))
    if found is None:
        found = _references[rig.seed, environment] = _without_fault(rig, environment)
    return found


def _without_fault(rig: Rig, environment: str) -> oracle.World:
    release = press(rig, environment)
    worker = rig.fork("worker")
    try:
        run = release.end()
        if run["state"] != "succeeded":
            raise Broken(f"without any fault, the release of {environment} is {run['state']}: {run['said']}")
        world = oracle.world(rig, release.plan, release.began)
        wrong = oracle.shown(rig, release.plan, run) + oracle.log_is_whole(rig, release.plan, run)
        if wrong:
            raise Broken(f"without any fault: {'; '.join(wrong)}")
        ways.tidy(rig, environment)
        return world
    finally:
        rig.nursery.kill(worker)


def verdict(release: Release, *, must_succeed: bool = False) -> Verdict:
    run = release.end()
    found = release.judged(run) + (unsure(run) if must_succeed else [])
    return Verdict(found, None, "" if run["state"] == "succeeded" else run["said"], unknown=int(run["state"] in oracle.HONEST))


def unsure(run: Mapping[str, Any]) -> list[str]:
    """Where a promise says that a release goes on, an honest `unknown` does not keep it."""
    return [f"the release did not survive, it is {run['state']}: {run['said']}"] if run["state"] in oracle.HONEST else []
