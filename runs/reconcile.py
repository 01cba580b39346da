"""Looks for runs that nobody works on, and rings for them. With this, nothing is lost with Redis: a ring is only quicker."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from runs import doorbell, draining, duties, engine, periodic, spool
from runs.clock import Now
from runs.leases import TICKABLE, due, expired
from runs.models import Run

logger = logging.getLogger(__name__)

DUTY = "scheduler"
AGAIN = 10.0  # seconds after which a ring that nobody followed is repeated


def neglected() -> list[int]:
    """Runs that could be worked on now: their time has come, nobody has them, and no drain keeps them back."""
    neglected = Run.objects.filter(expired(), due(), ~draining.holds(), state__in=TICKABLE)
    return list(neglected.order_by("number").values_list("number", flat=True))


def reconcile(*, inline: bool = False) -> list[int]:
    """`inline`: works on them itself, for a console without workers."""
    numbers = neglected()
    for number in numbers:
        if inline:
            engine.tick(number)
        elif doorbell.ring(number):
            Run.objects.filter(expired(), number=number).update(wake_at=Now() + AGAIN)
        else:
            break  # Redis is away: for the others, too
    return numbers


def look_after_runs(stop: threading.Event, *, inline: bool = False) -> None:
    """Until asked to stop. Any number of these may look at the same time: too many rings do no harm."""
    threads = periodic.run_all(stop)
    while not stop.wait(settings.RING_SECONDS):
        try:
            duties.take(DUTY, seconds=3 * settings.RING_SECONDS)
            reconcile(inline=inline)
            spool.store_all()
            duties.done(DUTY)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database failed: %s", error)
            connection.close()
    connection.close()
    for thread in threads:
        thread.join(5)


def seconds_since_last_look() -> float | None:
    """For the console's own health; None: no scheduler has ever run."""
    age = duties.age(DUTY)
    return age.total_seconds() if age is not None else None
