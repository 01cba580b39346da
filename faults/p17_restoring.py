"""P17: an old backup that is put back fires nothing again. Points: N:M, the acts at which the backup is made and put back (SQLite).

The run has to say that it does not know, with no effect done by anybody; when a person lets it look, it ends with the world of a release
without faults, each effect done once. Where its gates find closed what the run has closed itself, that person says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from faults import journal, releases, schedules
from faults.points import Promise, Verdict
from faults.rig import Rig

WHERE = "pre-production"
GATES = "preflight"
APART = 5  # acts between the backup and its return


def points(rig: Rig) -> Iterator[str]:
    count = len(schedules.numbers(rig, WHERE))
    for number in range(1, count):
        yield f"{number}:{min(number + APART, count)}"


@dataclass
class Restoring(schedules.Schedule):
    """A person comes when the run has stopped for one."""

    def _follow(self, release: releases.Release) -> dict[str, Any]:
        ended = super()._follow(release)
        back = max(json.loads(armed.marker.read_text())["at"] for armed in self.armed if armed.handled)
        if ended["state"] != "unknown" or "put back" not in ended["said"]:
            self.found.append(f"after the old database was put back the run is {ended['state']}: {ended['said']}")
        fired = [entry["key"] for entry in journal.read(self.rig.journal, release.number) if entry["what"] == "do" and entry["t"] > back]
        if fired:
            self.found.append(f"fired again, and nobody had asked for it: {', '.join(fired)}")
        if refused := self.rig.act(release.number, "check_now"):
            self.found.append(f"a person may not go on: {refused}")
        ended = release.end()
        if ended["state"] == "unknown" and _is_open(ended, GATES):
            if refused := self.rig.act(release.number, "by_hand", GATES, "The flag is this run's."):
                self.found.append(f"a person may not say that it is the run's own: {refused}")
            ended = release.end()
        return ended


def _is_open(run: dict[str, Any], key: str) -> bool:
    return any(step["key"] == key and step["state"] == "unknown" for step in run["steps"])


def run(rig: Rig, point: str) -> Verdict:
    first, last = map(int, point.split(":"))
    events = (schedules.Event(first, "before-intent", "backed-up"), schedules.Event(last, "after-effect", "restored"))
    verdict = Restoring(rig, WHERE, events).play()
    if verdict.said:
        verdict.violations.append(f"when a person had let it look: {verdict.said}")
    return verdict


PROMISE = Promise("P17", "An old backup fires nothing again: the run is unknown until a person has looked, and then ends well", points, run)
