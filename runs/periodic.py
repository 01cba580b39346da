"""What is to be done every so many seconds, as the packages above register it when the app starts. The scheduler does it.

Each has a thread of its own and does not overlap itself: not in this process, nor with a scheduler on another machine. Its hold is renewed
while it is at it, for `PATIENCE` at most: what hangs must not keep its duty from the others for ever. Where the database cannot be reached
for as long as the hold lasts, another scheduler may begin beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection

from runs import duties

logger = logging.getLogger(__name__)

AT_LEAST = 30.0  # seconds for which a duty is held after its scheduler has died
LONGEST = 900.0  # seconds; what is done less often is looked at so often, and done when its time has come, whoever did it last
PATIENCE = 3600.0  # seconds for which a hold is renewed while its duty is being done


@dataclass(frozen=True, slots=True)
class Periodic:
    name: str
    every_seconds: float
    function: Callable[[], object]

    @property
    def hold(self) -> float:
        """Seconds for which it is one scheduler's alone, from when it began or was last renewed."""
        return max(AT_LEAST, 3 * min(self.every_seconds, LONGEST))


_registered: dict[str, Periodic] = {}


def register(name: str, every_seconds: float, function: Callable[[], object]) -> None:
    if name in _registered:
        raise ValueError(f"the periodic function {name} is registered twice")
    _registered[name] = Periodic(name, every_seconds, function)


def registered() -> list[Periodic]:
    return list(_registered.values())


def run_all(stop: threading.Event) -> list[threading.Thread]:
    """Starts a thread for each; they end when `stop` is set."""
    threads = [threading.Thread(target=_again_and_again, args=(each, stop), name=each.name, daemon=True) for each in registered()]
    for thread in threads:
        thread.start()
    return threads


def _again_and_again(periodic: Periodic, stop: threading.Event) -> None:
    wait = 0.0
    # A pool of one: a fault in the function is an answer of its future, and the thread goes on.
    with ThreadPoolExecutor(1, thread_name_prefix=periodic.name) as pool:
        while not stop.wait(wait):
            began = time.monotonic()
            error = _end(pool.submit(once, periodic), periodic)
            if isinstance(error, DatabaseError | InterfaceError):
                logger.warning("%s: the database failed: %s", periodic.name, error)
            elif error is not None:
                logger.error("%s failed", periodic.name, exc_info=error)
            wait = max(0.0, began + min(periodic.every_seconds, LONGEST) - time.monotonic())


def _end(doing: Future[bool], periodic: Periodic) -> BaseException | None:
    """Waits for it, and holds the duty until then."""
    began = time.monotonic()
    while True:
        try:
            return doing.exception(timeout=periodic.hold / 3)
        except TimeoutError:
            if time.monotonic() - began < PATIENCE:
                _renew(periodic)


def _renew(periodic: Periodic) -> None:
    try:
        if not duties.renew(periodic.name, seconds=periodic.hold):
            logger.warning("%s takes long, and its hold has ended: another scheduler may do it, too", periodic.name)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("%s: its hold was not renewed: the database failed: %s", periodic.name, error)
    finally:
        connection.close()


def once(periodic: Periodic) -> bool:
    """False where another scheduler has the duty, or it was done lately."""
    try:
        if periodic.every_seconds > LONGEST and _was_done_lately(periodic):
            return False
        if not duties.take(periodic.name, seconds=periodic.hold):
            return False
        said = "failed"
        try:
            periodic.function()
            said = ""
        finally:
            duties.done(periodic.name, error=said)
    finally:
        connection.close()
    return True


def _was_done_lately(periodic: Periodic) -> bool:
    age = duties.age(periodic.name)
    return age is not None and age.total_seconds() < periodic.every_seconds
