"""Around the engine, from outside: a journal of what each process does to the world, and the point at which one is killed.

The product has no hooks for this. Here its registered kinds are wrapped, and three of its functions, in a process that was forked for it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from faults.journal import now
from faults.locks import is_writing
from runs import effects, engine, leases, log, periodic, plan, spool
from runs.effects import Context, Finding, Kind
from runs.lines import shown
from runs.models import Effect, LogChunk, Step
from runs.plan import Act
from runs.redact import redact
from runs.work import Work

_about = threading.local()  # which act this thread is about to do
MEETING = 30.0  # seconds that a process waits at most at its point
ORPHANED = 10.0  # seconds after which a tick whose worker was killed has followed it; on a quiet machine it takes thousandths of one


@dataclass(frozen=True, slots=True)
class Cut:
    """What happens at which point of which act, once. `marker` is the file that says so.

    `deed`: "kill" (the tick dies, and with it `others`), "kill-worker" (its worker does, and it is to follow by itself), "stop" (SIGSTOP:
    somebody has to wake it), or "meet" (waits until the file MARKER.go is there: meanwhile somebody does something to the machine).
    """

    act: str
    at: str
    marker: str
    deed: str = "kill"
    others: tuple[int, ...] = ()

    def strike(self, key: str, at: str) -> None:
        if key != self.act or at != self.at:
            return
        try:
            draft = f"{self.marker}.{os.getpid()}"
            with open(draft, "x") as file:
                file.write(json.dumps({"pid": os.getpid(), "at": now(), "act": self.act}))
            os.link(draft, self.marker)  # whole, or not there
        except FileExistsError:
            return
        if self.deed == "meet":
            self._meet()
        elif self.deed == "stop":
            self._stop()
        else:
            self._kill()

    def _kill(self) -> None:
        for other in self.others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(other, signal.SIGKILL)
        if self.deed == "kill-worker":
            self._lose_parent()
        os.kill(os.getpid(), signal.SIGKILL)

    def _lose_parent(self) -> None:
        """This process is to die by its parent's death, which nobody does for it. Says so where it lives on: MARKER.orphan."""
        end = now() + ORPHANED
        os.kill(os.getppid(), signal.SIGKILL)
        while now() < end:
            time.sleep(0.005)
        Path(f"{self.marker}.orphan").touch()

    def _stop(self) -> None:
        """Until somebody says that it may go on: whoever finds it stopped in mid-write wakes it, and it stops again."""
        while not os.path.exists(f"{self.marker}.go"):
            # SQLite's one write lock would be stopped with it, and with that everybody: P4 locks the database.
            while is_writing(os.getpid()):
                time.sleep(0.002)
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # at the process another thread may take it, and this one goes on

    def _meet(self) -> None:
        end = now() + MEETING
        while not os.path.exists(f"{self.marker}.go") and now() < end:
            time.sleep(0.005)


class Watched:
    """A kind of effect that tells a function what is asked of it."""

    def __init__(self, kind: Kind, tell: Callable[..., None]) -> None:
        self.kind = kind
        self._tell = tell

    def do(self, act: Act, context: Context) -> Mapping[str, Any]:
        self._tell("do", act, context)
        try:
            answer = self.kind.do(act, context)
        except Exception as error:
            self._tell("raised", act, context, said=f"{type(error).__name__}: {error}")
            raise
        self._tell("did", act, context)
        return answer

    def probe(self, act: Act, context: Context) -> Finding:
        finding = self.kind.probe(act, context)
        self._tell("probe", act, context, said=type(finding).__name__)
        return finding

    def cancel(self, act: Act, context: Context) -> str:
        self._tell("cancel", act, context)
        return self.kind.cancel(act, context)


def watch(journal: Path) -> None:
    """Every claim, look at a lease and deed in the world, one line of JSON each: appended at once, by all processes together."""
    write = _writing(journal)

    def tell(what: str, act: Act, context: Context, said: str = "") -> None:
        write(what=what, run=context.run, epoch=context.epoch, key=context.key, kind=act.kind, target=act.target, said=said)

    for name, kind in effects.kinds().items():
        effects._kinds[name] = Watched(kind, tell)
    claim = leases.claim

    def claiming(number: int) -> Any:
        asked = now()
        lease = claim(number)
        if lease is not None:
            write(what="claim", run=number, epoch=lease.epoch, asked=asked)
        return lease

    def starting(self: Work) -> Any:
        _about.key = self.act.key
        return start(self)

    def renewing(self: leases.Lease) -> bool:
        asked = now()
        is_ours = renew(self)
        if is_ours:
            write(what="renewed", run=self.number, epoch=self.epoch, asked=asked)
        return is_ours

    def releasing(self: leases.Lease, *, wake_in: float | None = None) -> bool:
        write(what="released", run=self.number, epoch=self.epoch)
        return release(self, wake_in=wake_in)

    def looking(self: leases.Lease) -> float:
        asked = now()
        found = look(self)
        write(what="looked", run=self.number, epoch=self.epoch, key=getattr(_about, "key", ""), asked=asked)
        return found

    start, look, renew, release = Work._start, leases.Lease.left, leases.Lease.renew, leases.Lease.release
    engine.claim = claiming  # type: ignore[attr-defined]
    Work._start, leases.Lease.left = starting, looking  # type: ignore[method-assign]
    leases.Lease.renew, leases.Lease.release = renewing, releasing  # type: ignore[method-assign]


def watch_lines(journal: Path) -> None:
    """What the engine's log is told, line by line as it is to be kept, and what goes to the spool. In a worker: a host writes millions."""
    write = _writing(journal)

    def telling(self: log.Writer, text: str) -> None:
        lines = [redact(shown(line.encode())) for line in text.split("\n")]
        write(what="told", run=self._log.run, epoch=self._log.epoch, host=self.host, lines=lines)
        tell(self, text)

    def keeping(run: int, chunks: Sequence[LogChunk]) -> None:
        keep(run, chunks)
        for chunk in chunks:
            write(what="spooled", run=run, host=chunk.host, lines=chunk.text.split("\n"))

    tell, keep = log.Writer.line, spool.keep
    log.Writer.line = telling  # type: ignore[method-assign]
    spool.keep = keeping


def watch_duties(journal: Path) -> None:
    """When this scheduler begins with which of its duties, and when it has done it."""
    write = _writing(journal)

    def told(each: periodic.Periodic) -> Callable[[], object]:
        def does() -> None:
            write(what="begins", duty=each.name)
            try:
                each.function()
            finally:
                write(what="ends", duty=each.name)

        return does

    for each in periodic.registered():
        periodic._registered[each.name] = replace(each, function=told(each))


def _writing(journal: Path) -> Callable[..., None]:
    out = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(**what: Any) -> None:
        os.write(out, json.dumps({"t": now(), "pid": os.getpid(), **what}).encode() + b"\n")

    return write


def arm(cut: Cut) -> None:
    """Wraps the engine's own steps, innermost where the world is touched. In a process that is watched."""
    begin, intend, record = engine.Tick._begin, Work._intend, Work._record

    def beginning(self: engine.Tick, step: Step, planned: plan.Step) -> Any:
        """The intents of what begins with a step are committed with it."""
        for act in planned.acts if planned.parallel else planned.acts[:1]:
            cut.strike(act.key, "before-intent")
        return begin(self, step, planned)

    def intending(self: Work) -> None:
        cut.strike(self.act.key, "before-intent")
        intend(self)

    def recording(self: Work, state: str, **more: Any) -> None:
        record(self, state, **more)
        if state == Effect.State.OBSERVED:
            cut.strike(self.act.key, "after-answer")
        if state == Effect.State.DONE:
            cut.strike(self.act.key, "after-record")

    engine.Tick._begin = beginning  # type: ignore[method-assign]
    Work._intend, Work._record = intending, recording  # type: ignore[method-assign]

    def left(self: leases.Lease) -> float:
        """Whoever is stopped is stopped before the last look at the lease: what comes after it is a window that the engine names."""
        if cut.deed == "stop":
            cut.strike(getattr(_about, "key", ""), "after-intent")
        return look(self)

    look = leases.Lease.left
    leases.Lease.left = left  # type: ignore[method-assign]

    def tell(what: str, act: Act, context: Context, said: str = "") -> None:
        if what == "do" and cut.deed != "stop":
            cut.strike(act.key, "after-intent")
        if what == "did":
            cut.strike(act.key, "after-effect")

    for name, kind in effects.kinds().items():
        effects._kinds[name] = Watched(kind, tell)


def lose_commit(number: int, marker: Path) -> None:
    """The database does what commit N of this process asks, and its answer is lost: once."""
    counted = itertools.count(1)
    wrapper: Any = BaseDatabaseWrapper
    commit = wrapper._commit

    def committing(self: Any) -> Any:
        answer = commit(self)
        if next(counted) == number and not marker.exists():
            marker.write_text(json.dumps({"pid": os.getpid(), "at": now()}))
            raise OperationalError("the connection broke while the commit was being answered")
        return answer

    wrapper._commit = committing


def lie_about_time(seconds: float) -> None:
    """This process's wall clock is so far off; what counts leases must not be."""
    import datetime as real

    from django.utils import timezone

    right = timezone.now
    timezone.now = lambda: right() + real.timedelta(seconds=seconds)


def sleep_by_select() -> None:
    """libfaketime refuses `time.sleep` now and then: one whose absolute end has just gone by is an invalid argument to it."""
    import select
    import time

    def sleep(seconds: Any) -> None:
        select.select((), (), (), seconds)

    time.sleep = sleep
