"""One demo for the journeys of this folder, which run in one process, in any order: each leaves the estate as the next may find it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.browser import Demo, running_demo, wait_until
from tests.journeys.conftest import SPEED
from tests.journeys.releasing import LONG


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), speed=SPEED) as found:
        yield found


@pytest.fixture(autouse=True)
def left_as_found(demo: Demo) -> Iterator[None]:
    """No fault stays, no run that holds its lock, and no release that is half done, wherever a journey ends."""
    yield
    demo.no_faults()
    wait_until(
        lambda: not any(demo.asked(f"runs?state={state}")["items"] for state in ("queued", "running")), seconds=LONG, what="all ends"
    )
    for run in demo.asked("runs")["items"]:
        if run["holds_lock"]:
            if run["state"] in ("waiting", "unknown"):
                demo.asked(f"runs/{run['id']}/give-up", reason="the journey has ended")
            demo.asked(f"runs/{run['id']}/release-lock", reason="the journey has ended")
    for environment in ("pre-production", "production"):
        mine = [run for run in demo.asked("runs")["items"] if (run["service"], run["environment"]) == ("magento", environment)]
        if mine and (last := max(mine, key=lambda run: run["id"]))["state"] != "succeeded":
            launched_again(demo, last["id"], environment)


def launched_again(demo: Demo, number: int, environment: str = "pre-production") -> None:
    """To its end: a run that was stopped leaves a shop closed, or without statics, and the next release is refused for that."""
    plan = demo.asked("plans", service="magento", environment=environment, strategy="as-written", relaunch_of=number)
    run = demo.asked("runs", plan=plan["id"], hash=plan["hash"], reason="what was in the way is gone")
    wait_until(lambda: demo.asked(f"runs/{run['id']}")["state"] == "succeeded", seconds=LONG, what="the relaunch's end")
