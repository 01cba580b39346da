"""Working on one effect: intent, do, probe, record. What the engine promises about the world is kept here.

    the row says        first
    nothing, planned    commit the intent, look at the lease and at the person's wish again, do
    intent, observed,   ask the world (probe): somebody may have done it
    unknown

A call that was answered is not yet done: its probe says so. A call that was not answered is neither done nor failed: its probe says so.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from people import audit
from remote.errors import Refused, RemoteError
from runs import draining
from runs.effects import CannotTell, Context, Done, Failed, Finding, Kind, NotDone, Running, kind_of
from runs.leases import Fenced, Lease, Overtaken, Wanted
from runs.log import Log
from runs.models import Effect, Run, Step
from runs.outcomes import Broken, Doubtful, Left, Open, Outcome, Proven, Stopped
from runs.plan import Act
from runs.redact import redact

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
PATIENCE = 3.0  # a probe that follows comes back so often, and with it a person's wish to stop
ASK_FOR_CANCEL = 0.5
State = Effect.State


class Shift:
    """How long this tick works: until its time is over, its process is asked to end, or the console is drained."""

    asked_to_end = threading.Event()  # of the whole process

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def end(self) -> None:
        self._until = 0.0

    def left(self) -> float:
        return 0.0 if self.asked_to_end.is_set() else max(0.0, self._until - time.monotonic())


class Wish:
    """What the person wants of the run by now: asked from the database, twice a second at most. Raises Fenced where it is not ours."""

    def __init__(self, lease: Lease, wanted: Wanted, shift: Shift) -> None:
        """`wanted`: what was just read. `shift` ends where the console is drained of all that is under way."""
        self._lease = lease
        self._shift = shift
        self._asked = time.monotonic()
        self._wanted = wanted
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() - self._asked > ASK_FOR_CANCEL:
                self._ask()
            return self._wanted.cancel

    def anew(self) -> Wanted:
        """What is wanted at this moment."""
        with self._lock:
            self._ask()
            return self._wanted

    def _ask(self) -> None:
        mine = Run.objects.filter(number=self._lease.number, epoch=self._lease.epoch)
        found = mine.annotate(kept_back=draining.holds()).values_list("cancel", "abort_at", "kept_back").first()
        if found is None:
            raise Fenced
        cancel, abort_at, drained = found
        self._wanted = Wanted(cancel, abort_at)
        if drained:
            self._shift.end()
        self._asked = time.monotonic()

    @property
    def heard(self) -> Wanted:
        """What was last read, and so what was acted on."""
        return self._wanted

    def stops_work(self) -> bool:
        self()
        return self.heard.forbids


class Work:
    """One effect, worked on until it is settled, or until this tick's time is over."""

    def __init__(
        self,
        act: Act,
        row: Effect,
        step: Step,
        *,
        lease: Lease,
        log: Log,
        wish: Wish,
        shift: Shift,
        facts: Mapping[str, Any],
        pressed_at: datetime,
        troubles: int,
    ) -> None:
        self.leads = False  # the first effect of its step
        self.act = act
        self.row = row
        self.step = step
        self.lease = lease
        self.log = log
        self.wish = wish
        self.shift = shift
        self.facts = facts
        self.pressed_at = pressed_at
        self.troubles = troubles
        self.kind: Kind = kind_of(act)
        self.wanted = wish.heard  # what it was last gone on with
        self.fresh = False  # its intent was committed by this very tick, which has not acted on it yet

    def go(self) -> Outcome:
        """The engine's step boundary: a fault in a kind is a doubt about the world, not the end of the worker."""
        try:
            return self._go()
        except (Fenced, DatabaseError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("the effect %s of run %s met a fault in the code", self.row.key, self.lease.number)
            why = redact(f"The console met a fault of its own ({type(error).__name__}: {error}). Look at the target, then check again.")
            self._record(State.UNKNOWN, said=why)
            return Doubtful(why)

    def _go(self) -> Outcome:
        outcome: Outcome | None = None
        while outcome is None:
            self.wish()
            self.wanted = self.wish.heard
            cancel = self.wanted.cancel
            if cancel == Run.Cancel.STOP_WATCHING:
                return Left()
            if self.row.state in Effect.FINISHED:
                return Proven()
            if self.row.state == State.FAILED:
                return Broken(self.row.said)
            if self.row.state == State.PLANNED or self.fresh:
                outcome = Stopped() if cancel == Run.Cancel.ABORT else self._start()
            elif cancel == Run.Cancel.ABORT and not self._stopped():
                outcome = self._stop()
            else:
                outcome = self._ask()
        return outcome

    def _stopped(self) -> bool:
        """For this abort: a refused one may be asked for again."""
        return "cancel" in self.row.answer and self.row.answer.get("abort_at", self.wanted.abort_at) == self.wanted.abort_at

    def missed_an_abort(self) -> bool:
        """It may still be under way, and had come to its end for this tick before another one heard of the abort."""
        may_be_under_way = self.row.state in (State.INTENT, State.OBSERVED, State.UNKNOWN)
        return may_be_under_way and self.wish.heard.cancel == Run.Cancel.ABORT and self.wish.heard != self.wanted

    # -- the three things that can be asked of the world

    def _start(self) -> Outcome | None:
        if not self.fresh:
            try:
                self._intend()
            except Overtaken:
                self.wish.anew()
                return None
        if self.lease.left() < settings.LEASE_SECONDS / 2:
            return None if self.wish.anew().forbids else Open(0.0, certain=False)
        self.fresh = False
        try:
            answer = self.kind.do(self.act, self._context())
        except Refused as error:
            self._record(State.FAILED, said=_sentence(error), ended=True)
            return None
        except RemoteError as error:
            if error.nothing_happened:
                self._record(State.PLANNED, said=_sentence(error))
            return self._trouble(error)
        self._record(State.OBSERVED, answer=answer)
        return None

    def _ask(self) -> Outcome | None:
        try:
            finding = self.kind.probe(self.act, self._context())
        except Refused as error:
            finding = CannotTell(_sentence(error))
        except RemoteError as error:
            return self._trouble(error)
        return self._take(finding)

    def _stop(self) -> Outcome | None:
        try:
            said = self.kind.cancel(self.act, self._context())
        except Refused as error:
            said = f"{self.act.target}: could not be stopped: {_sentence(error)}"
        except RemoteError as error:
            return self._trouble(error)
        self._record(self.row.state, said=said, answer={"cancel": said, "abort_at": self.wanted.abort_at})
        return None

    # -- what is made of the answers

    def _take(self, finding: Finding) -> Outcome | None:
        before, self.troubles = self.troubles, 0
        match finding:
            case Done(said, answer):
                self._record(State.DONE, said=said, answer=answer, ended=True)
            case Failed(said, answer):
                self._record(State.FAILED, said=said, answer=answer, ended=True)
            case CannotTell(why):
                self._record(State.UNKNOWN, said=why)
                return Doubtful(self.row.said)
            case NotDone(said) if "cancel" in self.row.answer:
                self._record(State.FAILED, said=said or f"{self.act.target}: stopped before it happened.", ended=True)
            case NotDone(said):
                observed = self.row.state == State.OBSERVED
                self._record(State.PLANNED, said=said)
                if observed:  # the call was answered and yet nothing came of it: not at once again
                    self.troubles = before + 1
                    return self._pause(_back_off(self.troubles), self.row.said)
            case Running(said, answer, ask_again, certain):
                said = redact(said)
                if said != self.row.said or any(self.row.answer.get(name) != value for name, value in answer.items()):
                    self._record(State.OBSERVED, said=said, answer=answer)
                    self._tell_step(said)
                return self._pause(ask_again, said, running=True, certain=certain)
        return None

    def _trouble(self, error: RemoteError) -> Outcome | None:
        """Throttled, unreachable, unanswered: the step's deadline decides how long that may go on, never the number of attempts."""
        self.troubles += 1
        logger.info("run %s, %s: %s (%s in a row)", self.lease.number, self.row.key, error, self.troubles)
        return self._pause(_back_off(self.troubles), _sentence(error), certain=self.row.state == State.PLANNED)

    def _pause(self, seconds: float, said: str, *, running: bool = False, certain: bool = True) -> Outcome | None:
        """Waits, where this tick has the time for it; returns early when the person wants it stopped."""
        if not self.shift.left() or seconds > self.shift.left():
            return Open(seconds, said, running, certain, self.troubles)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.shift.left():
                return Open(left, said, running, certain, self.troubles)
            if self.wish.stops_work() and self.wish.heard != self.wanted:
                break
            time.sleep(min(left, ASK_FOR_CANCEL))
        return None

    # -- what is known, into the database

    def _intend(self) -> None:
        """An effect of the same attempt keeps the time of its first intent: a late answer to the first call is ours, too.

        That of the last one is kept beside it: whoever asks what came of it must give the second call as much time to arrive.
        Raises Overtaken.
        """
        with self.lease.write(heard=self.wanted):
            self.row.state, self.fresh = State.INTENT, True
            if self.row._state.adding:
                self.row.epoch, self.row.intent_at = self.lease.epoch, timezone.now()
                self.row.save(force_insert=True)
            else:
                self.row.epoch, self.row.again_at = self.lease.epoch, timezone.now()
                Effect.objects.filter(pk=self.row.pk).update(state=State.INTENT, epoch=self.row.epoch, again_at=self.row.again_at)

    def _record(self, state: str, *, said: str = "", answer: Mapping[str, Any] | None = None, ended: bool = False) -> None:
        if ended:
            self.log.flush(effect=self.row.pk)  # whoever reads that it has ended finds its whole output
        self.row.state, self.row.said, self.row.answer = state, redact(said), {**self.row.answer, **(answer or {})}
        self.row.ended = timezone.now() if ended else None
        with self.lease.write():
            changes = {"state": state, "said": self.row.said, "answer": self.row.answer, "ended": self.row.ended}
            Effect.objects.filter(pk=self.row.pk).update(**changes)
            if state in (State.DONE, State.FAILED, State.UNKNOWN):
                target = f"{self.row.kind} on {self.row.target}"
                facts = {"effect": self.row.key}
                audit.record("effect", by=None, target=target, why=self.row.said, result=state, run=self.lease.number, facts=facts)

    def _tell_step(self, said: str) -> None:
        """What the first effect of a step says while it runs, its step says; a page must not read what was true a tick ago."""
        if said and self.leads:
            with self.lease.write():
                Step.objects.filter(pk=self.step.pk).update(said=said)

    def _context(self) -> Context:
        return Context(
            run=self.lease.number,
            epoch=self.lease.epoch,
            facts=self.facts,
            intent_at=self.row.intent_at,
            answer={**self.row.answer, "offset": self.log.offset(self.act.target, self.row.pk, self.row.offset)},
            out=lambda host: self.log.out(host, effect=self.row.pk),
            cancelled=self.wish.stops_work,
            patience=min(PATIENCE, self.shift.left()),
            pressed_at=self.pressed_at,
            key=self.row.key,
            attempt=self.row.attempt,
            again_at=self.row.again_at,
        )


def _back_off(troubles: int) -> float:
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(troubles - 1, 10))
    return longest * random.uniform(0.6, 1.0)  # noqa: S311  (spreads the calls of many; no secret)


def _sentence(error: RemoteError) -> str:
    return redact(error.told)
