"""How fast the console of the suite lives: settings, and the waits that are constants because production has one right value for them.

With FAULTS_PRODUCTION (`./console faults --production`) it lives as it does in production, and points take as long as they do there.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

PRODUCTION = bool(os.environ.get("FAULTS_PRODUCTION"))
SPEED = 300.0  # simulated seconds in a real one
LEASE = 20.0 if PRODUCTION else float(os.environ.get("FAULTS_LEASE") or 2)
HASTENED = {
    "LEASE_SECONDS": str(LEASE),
    "TICK_SECONDS": "20",
    "RING_SECONDS": "0.5",
    "POLL_ACTIVE_SECONDS": "0.05",
    "POLL_IDLE_SECONDS": "2",
    "PROBE_SECONDS": "2",
    "STEP_SECONDS": "600",
}
SETTINGS = {"LOG_LEVEL": "INFO"} if PRODUCTION else {"LOG_LEVEL": "INFO", **HASTENED}
RESUMED = 60.0 if PRODUCTION else 3 * LEASE + 6.0  # seconds, on a busy machine; three leases in production are the promised minute
LONGEST_RUN = 600.0 if PRODUCTION else 150.0
LATE_ANSWER = 3.0  # a request to the sandbox, on this machine, has arrived by then


def slack() -> float:
    """By how much a wait may be longer here and now: other work on the machine is no fault of the console."""
    return min(8.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def hasten() -> None:
    """Called once in the process from which all of the console's are forked."""
    if PRODUCTION:
        return
    from access.gateway import effects as gateway
    from deployments import rundeck
    from deployments.effects import balancer, beanstalk, delivery, looks, servers, settings
    from handover import effects as handover
    from runs import periodic, reconcile, work

    for waits in (balancer, beanstalk, delivery, gateway, rundeck, servers, settings):
        waits.LATE_ANSWER = timedelta(seconds=LATE_ANSWER)  # type: ignore[attr-defined]
    handover.LATE = timedelta(seconds=LATE_ANSWER)
    handover.LONGEST_BOOT = timedelta(seconds=20)  # the box's hosts boot at once; whoever waits longer has lost the request
    beanstalk.FRESH = 0.5
    beanstalk.SETTLING = timedelta(seconds=5)
    looks.SETTLING = timedelta(seconds=40)
    periodic.AT_LEAST = 1.5 * LEASE
    reconcile.AGAIN = 1.0
    work.FIRST_PAUSE = 0.1
    work.LONGEST_PAUSE = 2.0
    _ask_again_sooner(work.Work)
    estate = periodic._registered["estate"]  # a release asks for itself, and often; whoever only looks on would burden the machine by it
    periodic._registered["estate"] = replace(estate, every_seconds=3.0)


def _ask_again_sooner(work: Any) -> None:
    """What is under way in the box is over a hundred times as soon as in the world; seconds between two questions are as many minutes."""
    pause = work._pause

    def shorter(self: Any, seconds: float, said: str, *, running: bool = False, certain: bool = True) -> Any:
        return pause(self, seconds / 3 if running else seconds, said, running=running, certain=certain)

    work._pause = shorter
