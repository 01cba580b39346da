"""The engine at work, until what a test waits for is so. Seconds here guard against hangs alone, and end before a test's own 300 do."""

from __future__ import annotations

import time
from collections.abc import Callable

from estate import observe
from estate.definition import Target
from estate.models import BeanstalkEnvironment, Host
from runs.engine import tick
from runs.models import Run

LONG = 200.0


def through(run: Run, *, beside: Callable[[], object] = lambda: None) -> Run:
    """Ticks as the workers do, until the run has ended or waits for somebody; after each tick, what the scheduler does `beside`."""
    end = time.monotonic() + LONG
    while True:
        tick(run.number)
        beside()
        run.refresh_from_db()
        if run.state not in (Run.State.QUEUED, Run.State.RUNNING):
            return run
        assert time.monotonic() < end, run.said


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


def at_rest(target: Target) -> bool:
    """Beanstalk waits, and each host is known, in service and well."""
    observe.refresh(target, max_age=0.4)
    rows = BeanstalkEnvironment.objects.filter(name__in=[tier.beanstalk for tier in target.tiers])
    hosts = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None)
    well = [host for host in hosts if host.version and host.target_state == "healthy" and host.health_status in ("Ok", "Info")]
    return (
        len(rows) == len(target.tiers)
        and all(row.status == "Ready" for row in rows)
        and len(well) == sum(tier.hosts for tier in target.tiers)
    )
