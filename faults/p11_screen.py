"""P11: the screen never lies. Points: ENVIRONMENT:MODE, a release that is watched every moment while somebody in it is killed.

What is shown may be some seconds old, never wrong for longer; and “succeeded” is never said of a world that differs. Every run of the other
promises is compared with the world in the same way at its end (`oracle.judge`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from faults import schedules
from faults.points import Promise, Verdict
from faults.rig import Rig

ENVIRONMENTS = ("pre-production", "production")
MODES = (*schedules.DEATHS, schedules.STOPPED)
BEHIND = 8.0  # seconds that the screen may be behind the world, on a busy machine


def points(rig: Rig) -> Iterator[str]:
    for environment in ENVIRONMENTS:
        for mode in MODES:
            yield f"{environment}:{mode}"


def run(rig: Rig, point: str) -> Verdict:
    environment, mode = point.split(":")
    number = schedules.numbers(rig, environment, "beanstalk.update")[-1]
    over = threading.Event()
    watch = Watch(rig, over)
    thread = threading.Thread(target=watch.look_again_and_again, name="watch")
    thread.start()
    try:
        verdict = schedules.play(rig, environment, schedules.Event(number, "after-effect", mode))
    finally:
        over.set()
        thread.join()
    verdict.violations += watch.found
    verdict.said = f"looked {watch.looks} times, at most {watch.longest:.1f} s behind"
    return verdict


class Watch:
    """Compares what the API says of every host with the box's truth."""

    def __init__(self, rig: Rig, over: threading.Event) -> None:
        self._rig, self._over = rig, over
        self.looks, self.longest = 0, 0.0
        self.found: list[str] = []
        self._since: dict[str, float] = {}

    def look_again_and_again(self) -> None:
        while not self._over.wait(0.3):
            self._look()

    def _look(self) -> None:
        answer = self._rig.http.get("/api/v1/hosts")
        if answer.status_code != 200:
            return
        truth = {host["instance_id"]: host["label"] for host in self._rig.state()["hosts"]}
        now = time.monotonic()
        self.looks += 1
        for host in answer.json()["items"]:
            name = host["instance_id"]
            if name not in truth or host["version"] == truth[name]:
                self._since.pop(name, None)
                continue
            behind = now - self._since.setdefault(name, now)
            if behind > BEHIND >= self.longest:
                self.found.append(f"for {behind:.0f} s {name} is shown with {host['version']}; there is {truth[name]}")
            self.longest = max(self.longest, behind)


PROMISE = Promise("P11", "The screen never lies: what it shows is so, or it says that it does not know", points, run)
