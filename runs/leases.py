"""Who works on a run: a lease that ends by itself, with a fencing number (the epoch) that goes up with every claim.

Whoever lost the lease may not write any more: each write goes through `Lease.write`, which asks for the epoch in the same transaction.
The world is not fenced by this; see `runs.engine` for what protects it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Exists, Q

from people import audit
from runs import clock, doorbell
from runs.clock import Now
from runs.models import Run

TICKABLE = (Run.State.QUEUED.value, Run.State.RUNNING.value)
NEGLECT = 50.0  # seconds without a worker: longer than the longest pause between two ticks (`runs.work`) and a takeover
NOT_ASKED = -1.0  # wake_at from the claim on: who asks for the run meanwhile sets it to 0, and their ring meets a held lease
_HOST = socket.gethostname()
_TOLD = (Run.State.WAITING, Run.State.UNKNOWN, Run.State.SUCCEEDED, Run.State.FAILED, Run.State.CANCELLED)  # to the audit trail
# By hand: they stand between the button and the first command, and change a row and read it in one go. `expired` says the condition of
# time, `draining.holds` the last.
_CLAIM = (
    "UPDATE run SET epoch = epoch + 1, lease_owner = %s, lease_until = {now} + %s, wake_at = -1"
    " WHERE number = %s AND state IN (%s, %s) AND (lease_owner = '' OR lease_until < {now} OR lease_until > {now} + %s)"
    " AND (cancel <> 'none' OR NOT EXISTS (SELECT 1 FROM drain WHERE drain.is_on AND (drain.everything OR run.started IS NULL)))"
    " RETURNING epoch, revision"
)
_MINE = "UPDATE run SET revision = revision + 1 WHERE number = %s AND epoch = %s AND state IN (%s, %s) RETURNING revision, cancel, abort_at"
_LEFT = (
    "SELECT CASE WHEN cancel IN ('abort', 'stop_watching') THEN 0 ELSE lease_until - {now} END FROM run WHERE number = %s AND epoch = %s"
)


class Fenced(Exception):
    """Somebody else has taken the run over, or it is no longer to be worked on: stop, and write nothing."""


class Overtaken(Exception):
    """A person wants something else of the run than what was concluded from: nothing is written; look again."""


class Wanted(NamedTuple):
    """What a person wants of a run: how it is to be cancelled, and when an abort was last asked for. Each abort is a wish of its own."""

    cancel: str
    abort_at: float

    @property
    def forbids(self) -> bool:
        """That anything be begun."""
        return self.cancel in (Run.Cancel.ABORT, Run.Cancel.STOP_WATCHING)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one run, until it is lost."""

    number: int
    epoch: int
    owner: str
    revision: int = 0  # of the run, when it was claimed

    @contextmanager
    def write(self, *, heard: Wanted | None = None, **changes: Any) -> Iterator[None]:
        """A transaction that changes the run's row, and what the block writes, only while the epoch is ours. Raises Fenced.

        `heard`: what the writer knows to be Wanted; raises Overtaken where that is something else by now, so that nothing is begun against
        it, and no state that nobody works on is written over it. Rings the page's doorbell after the commit.
        """
        with transaction.atomic():
            row = _one(_MINE, [self.number, self.epoch, *TICKABLE])
            if row is None:
                raise Fenced
            if heard is not None and row[1:] != heard:
                raise Overtaken
            if changes:
                Run.objects.filter(number=self.number).update(**changes)
            yield
            if changes.get("state") in _TOLD:
                audit.record(
                    "run", by=None, target=f"run {self.number}", why=changes.get("said", ""), result=changes["state"], run=self.number
                )
            transaction.on_commit(lambda: doorbell.state_changed(self.number, row[0]))

    def left(self) -> float:
        """Seconds for which something may be begun, by the database's clock: none if it is not ours, or if a person forbids it by now."""
        now, parameters = clock.now_sql()
        row = _one(_LEFT.format(now=now), [*parameters, self.number, self.epoch])
        return max(0.0, row[0]) if row else 0.0

    def known(self) -> int:
        """The run's revision by now. Raises Fenced."""
        revision = Run.objects.filter(number=self.number, epoch=self.epoch).values_list("revision", flat=True).first()
        if revision is None:
            raise Fenced
        return revision

    def renew(self) -> bool:
        changed = Run.objects.filter(number=self.number, epoch=self.epoch, lease_owner=self.owner)
        return changed.update(lease_until=Now() + settings.LEASE_SECONDS) == 1

    def release(self, *, wake_in: float | None = None) -> bool:
        """Anybody may claim it at once. `wake_in`: seconds after which the scheduler rings it by itself.

        `lease_until` keeps when that was: `wake_at` does not tell, whoever rings in vain moves it on. True where somebody has asked for
        the run since the claim: then it is due at once, and is to be rung for.
        """
        wake_at: Any = Now() + min(wake_in, clock.LONGEST_WAIT) if wake_in is not None else 0.0
        mine = Run.objects.filter(number=self.number, epoch=self.epoch)
        if mine.filter(wake_at=NOT_ASKED).update(lease_owner="", lease_until=Now(), wake_at=wake_at):
            return False
        return mine.update(lease_owner="", lease_until=Now(), wake_at=0.0) == 1


def claim(number: int) -> Lease | None:
    """The lease of a run that is to be worked on and that nobody works on; else None."""
    owner = f"{_HOST}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    now, at = clock.now_sql()
    length = settings.LEASE_SECONDS
    sql = _CLAIM.format(now=now)
    row = _one(sql, [owner, *at, length, number, *TICKABLE, *at, *at, length + clock.LONGEST_WAIT])
    return Lease(number, row[0], owner, row[1]) if row else None


def _one(sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def expired() -> Q:
    """The second half: a lease that lies further ahead than any can be was given before the machine last booted."""
    return Q(lease_owner="") | Q(lease_until__lt=Now()) | Q(lease_until__gt=Now() + (settings.LEASE_SECONDS + clock.LONGEST_WAIT))


def at_work() -> Q:
    """Somebody works on it, or did so a moment ago: between two ticks nobody has it, nor between a worker's death and the takeover.

    A lease that was given back ended then, or at 0 where the code was of before; another ends its own length after the last sign of who had
    it. Where the workers are busy with other runs, a run waits for its turn: two of their ticks at most.
    """
    sign = Q(lease_until__gt=Now() - max(0.0, NEGLECT - settings.LEASE_SECONDS)) | Q(lease_owner="", lease_until__gt=Now() - NEGLECT)
    busy = Q(Exists(Run.objects.filter(lease_until__gt=Now(), state__in=TICKABLE).exclude(lease_owner="")))
    in_turn = Q(lease_owner="", lease_until__gt=Now() - NEGLECT - 2 * settings.TICK_SECONDS) & busy
    by_older_code = Q(lease_owner="", lease_until=0, epoch__gt=0, wake_at__gt=Now() - NEGLECT)
    return (sign | in_turn) & Q(lease_until__lte=Now() + (settings.LEASE_SECONDS + clock.LONGEST_WAIT)) | by_older_code


def due() -> Q:
    return Q(wake_at__lte=Now()) | Q(wake_at__gt=Now() + 2 * clock.LONGEST_WAIT)


def _end_process() -> None:
    os._exit(75)  # EX_TEMPFAIL: somebody else goes on


class Beat:
    """Renews the lease every quarter of its length, from a thread with its own database connection.

    Ends this process when that did not succeed for half a lease, when the lease was taken by somebody else, or when the work takes longer
    than `limit` seconds: a process that hangs must not hold the run for ever. Where nobody else has taken it, `before` is done first.
    """

    def __init__(
        self, lease: Lease, *, limit: float, before: Callable[[], None] = lambda: None, give_up: Callable[[], None] | None = None
    ) -> None:
        self._lease = lease
        self._limit = limit
        self._before = before
        self._give_up = give_up or _end_process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"beat-{lease.number}", daemon=True)

    def __enter__(self) -> Beat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        started = renewed = _boot_clock()
        wait = settings.LEASE_SECONDS / 4
        try:
            while not self._stop.wait(wait):
                answer = self._renew()
                now = _boot_clock()
                if answer:
                    renewed = now
                lost = answer is False or now - renewed > settings.LEASE_SECONDS / 2 or now - started > self._limit
                if lost and not self._stop.is_set():
                    if answer is not False:  # bounded: a disk that hangs must not keep this process alive
                        last = threading.Thread(target=self._before, name=f"last-{self._lease.number}", daemon=True)
                        last.start()
                        last.join(settings.LEASE_SECONDS / 8)
                    self._give_up()
                    return
                wait = settings.LEASE_SECONDS / 4 if answer else settings.LEASE_SECONDS / 20
        finally:
            connection.close()

    def _renew(self) -> bool | None:
        """None: the database did not answer."""
        try:
            return self._lease.renew()
        except (DatabaseError, InterfaceError):
            connection.close()
            return None


def _boot_clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
