"""One tick of a run: take the lease, go on where the database says it stands, hand over.

The promise: each effect on the world happens once, or the run says that it does not know; nothing is repeated without asking the world.
What holds it: an intent is committed before its effect, and whoever finds an intent asks the effect's probe first (`runs.work`); all
writes are fenced by the epoch (`runs.leases`); the lease is looked at once more right before an effect, whose own deadline is shorter than
half a lease; a process that cannot renew its lease for so long ends itself. What is left open: a process that is stopped between that last
look and its outside call, and wakes up after somebody else has taken over; against it stand the runner's own fence on hosts, and effects
that AWS refuses or that do no harm when they come late.

Nothing is known here of what an effect is; that is registered from above (`runs.effects`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from people import audit
from remote import observing
from runs import doorbell, plan, witness
from runs.effects import kind_of
from runs.leases import Beat, Fenced, Lease, Overtaken, Wanted, claim
from runs.log import Log
from runs.models import Effect, LogChunk, Run, Step
from runs.outcomes import Broken, Doubtful, Left, Open, Outcome, Proven, Stopped, of_step
from runs.work import Shift, Wish, Work

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 32
HANG = 120.0  # seconds beyond its time after which a tick is taken for hung


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody is to look again after so many seconds."""

    seconds: float
    troubles: int = 0


def tick(number: int) -> bool:
    """Works on a run for `TICK_SECONDS` at most. False where there is nothing to do, or somebody else does it."""
    with bound_contextvars(run=number):
        return _tick(number)


def _tick(number: int) -> bool:
    lease = claim(number)
    if lease is None:
        return False
    try:
        if _was_put_back(lease):
            return True
        work = Tick(lease)
        with Beat(lease, limit=settings.TICK_SECONDS + HANG, before=work.keep_its_lines):
            again = work.go()
        asked = lease.release(wake_in=again.seconds if again else None)
    except Fenced:
        return False
    except (DatabaseError, InterfaceError):
        logger.exception("the database failed under run %s; its lease ends by itself and it goes on then", number)
        connection.close()
        return False
    if asked or (again and again.seconds == 0):
        doorbell.ring(number)
    return True


def _was_put_back(lease: Lease) -> bool:
    """Whether more was seen of this run than its database knows. Then a person looks before anything is done. Raises Fenced.

    A person may have changed the run since the claim. So the database is read again, and behind the witnesses: these are told after each
    commit, and what they had seen is in a database that was not put back.
    """
    seen = witness.ahead(lease.number, lease.revision)
    if seen is None or seen <= (known := lease.known()):
        return False
    logger.error("run %s: its database knows %s changes, %s were seen: it was put back", lease.number, known, seen)
    with lease.write():
        witness.doubt(Run.objects.select_related("plan").get(number=lease.number), seen)
    return True


def hand_over() -> None:
    """This process is to end: whatever it works on is handed over at the next moment when that can be done."""
    Shift.asked_to_end.set()


def rehearse() -> None:
    """Asks of no run what a tick asks of one: all that is made at the first time is there then, before a worker forks."""
    lease = Lease(0, 0, "")
    claim(0)
    lease.left()
    lease.renew()
    with suppress(Fenced), lease.write():
        raise AssertionError("there is no run 0")
    list(Run.objects.select_related("plan").filter(number=0))
    for step in [*Step.objects.filter(run=0).order_by("position"), Step(pk=0)]:
        list(step.effects.exclude(state=Effect.State.REPLACED))
    with transaction.atomic():
        LogChunk.objects.bulk_create([LogChunk(run_id=0, seq_first=1, seq_last=1, host="", time=timezone.now(), text="")])
        transaction.set_rollback(True)
    observing.is_on()  # every effect asks that, and it is answered from estate.yaml, which takes long to read


@dataclass
class Tick:
    lease: Lease
    shift: Shift = field(default_factory=lambda: Shift(settings.TICK_SECONDS))
    log: Log | None = None

    def keep_its_lines(self) -> None:
        """From another thread, right before this process ends: the lines that no database has yet exist nowhere else."""
        if self.log is not None:
            self.log.keep()

    def go(self) -> Again | None:
        self.run = Run.objects.select_related("plan").get(number=self.lease.number)
        self.steps = list(self.run.steps.order_by("position"))
        self.wish = Wish(self.lease, Wanted(self.run.cancel, self.run.abort_at), self.shift)
        try:
            return self._go_on()
        except Overtaken:
            return Again(0.0)

    def _go_on(self) -> Again | None:
        try:
            self.plan = plan.Plan.from_json(self.run.plan.document)
        except (LookupError, TypeError) as error:
            self._of_other_code(f"this one cannot read its plan ({type(error).__name__}: {error})")
            return None
        try:
            for act in self._left_to_do():
                kind_of(act)
        except LookupError as error:
            self._of_other_code(str(error))
            return None
        with Log(self.lease.number, epoch=self.lease.epoch) as log:
            self.log = log
            return self._go(log)

    def _go(self, log: Log) -> Again | None:
        worked = False
        for step, planned in zip(self.steps, self.plan.steps, strict=True):
            if step.state in Step.FINISHED:
                continue
            if step.state == Step.State.PLANNED and self.wish() != Run.Cancel.NONE:
                self._cancelled_before(step)
                return None
            if worked and not self.shift.left():
                return Again(0.0)
            worked = True
            outcome = self._work_on(step, planned, log)
            if not isinstance(outcome, Proven):
                return self._settle(step, planned, outcome)
        self._finish()
        return None

    def _of_other_code(self, why: str) -> None:
        self._wait_for_person(f"This run was planned by version {self.run.code_version} of the console, and {why}.")

    def _left_to_do(self) -> list[plan.Act]:
        open_steps = {step.key for step in self.steps if step.state not in Step.FINISHED}
        return [act for step in self.plan.steps if step.key in open_steps for act in step.acts]

    # -- one step

    def _work_on(self, step: Step, planned: plan.Step, log: Log) -> Outcome:
        begun = self._begin(step, planned) if step.state == Step.State.PLANNED else {}
        rows = begun or {row.act: row for row in step.effects.exclude(state=Effect.State.REPLACED)}
        works = [
            Work(
                act,
                rows.get(act.key) or _first_attempt(step, act),
                step,
                lease=self.lease,
                log=log,
                wish=self.wish,
                shift=self.shift,
                facts=self.plan.facts,
                pressed_at=self.run.created,
                troubles=self.run.troubles,
            )
            for act in planned.acts
        ]
        for position, work in enumerate(works):
            work.fresh = work.act.key in begun
            work.leads = position == 0
        outcome = of_step(_side_by_side(works) if planned.parallel and len(works) > 1 else _one_after_the_other(works))
        if isinstance(outcome, Proven):
            self._done(step, planned, works)
        elif any(work.missed_an_abort() for work in works):
            raise Overtaken
        return outcome

    def _begin(self, step: Step, planned: plan.Step) -> dict[str, Effect]:
        """With the intents of what begins with it: of the first effect, or of all that run side by side. Raises Overtaken."""
        now = timezone.now()
        began = self.run.started or now
        changes: dict[str, Any] = {} if self.run.state == Run.State.RUNNING else {"state": Run.State.RUNNING, "started": began, "said": ""}
        rows = [_first_attempt(step, act) for act in (planned.acts if planned.parallel else planned.acts[:1])]
        for row in rows:
            row.state, row.epoch, row.intent_at = Effect.State.INTENT, self.lease.epoch, now
        with self.lease.write(heard=self.wish.heard, **changes):
            Step.objects.filter(pk=step.pk).update(state=Step.State.INTENT, started=step.started or now, said=planned.note)
            Effect.objects.bulk_create(rows)
        self.run.state, self.run.started = Run.State.RUNNING, began
        step.state, step.started = Step.State.INTENT, step.started or now
        return {row.act: row for row in rows}

    def _done(self, step: Step, planned: plan.Step, works: Sequence[Work]) -> None:
        said = "\n".join(dict.fromkeys(work.row.said for work in works if work.row.said)) or planned.note
        with self.lease.write(troubles=0):
            result = {work.act.key: work.row.answer for work in works}
            Step.objects.filter(pk=step.pk).update(state=Step.State.DONE, ended=timezone.now(), said=said, result=result)

    # -- what becomes of the run

    def _settle(self, step: Step, planned: plan.Step, outcome: Outcome) -> Again | None:
        match outcome:
            case Open() if self._overdue(step, planned):
                self._too_long(step, outcome)
            case Open(seconds, said, _, _, troubles):
                self._say(step, said, troubles)
                return Again(seconds, troubles)
            case Doubtful(why):
                self._unknown(step, why)
            case Broken(said):
                self._failed(step, said)
            case Stopped():
                self._failed(step, "Stopped before it began.", begun=False)
            case Left():
                self._left()
            case Proven():
                raise AssertionError("a proven step goes on to the next")
        return None

    def _say(self, step: Step, said: str, troubles: int) -> None:
        if said == step.said and troubles == self.run.troubles:
            return
        with self.lease.write(troubles=troubles):
            Step.objects.filter(pk=step.pk).update(said=said)

    def _overdue(self, step: Step, planned: plan.Step) -> bool:
        """An abort is followed as long as the step was: a person has just decided."""
        longest = max(settings.STEP_SECONDS, 2 * planned.seconds)
        since = max(step.started.timestamp(), self.wish.heard.abort_at) if step.started is not None else None
        return since is not None and timezone.now().timestamp() - since > longest

    def _too_long(self, step: Step, outcome: Open) -> None:
        if not outcome.certain:
            last = f" Last: {outcome.said}" if outcome.said else ""
            self._unknown(step, f"Its longest time is over without an answer.{last}")
        elif outcome.running:
            self._wait_for_person(f"“{step.title}” still runs after its longest time. Look at it, then check again, or abort.")
        else:
            self._failed(step, f"It could not be started in its longest time; nothing happened. {outcome.said}".strip())

    def _unknown(self, step: Step, why: str) -> None:
        with self.lease.write(
            heard=self.wish.heard, state=Run.State.UNKNOWN, said=f"“{step.title}”: it may or may not have happened. {why}"
        ):
            Step.objects.filter(pk=step.pk).update(state=Step.State.UNKNOWN, said=why)

    def _failed(self, step: Step, said: str, *, begun: bool = True) -> None:
        """What had failed before it could be stopped has failed, whatever was asked for then."""
        what, state = f"“{step.title}” failed. {said}", Run.State.FAILED
        if self.wish() == Run.Cancel.ABORT:
            left = self._what_cancel_left(step)
            if left or not begun:
                what, state = f"{self._by()} aborted it in “{step.title}”. {left or 'Nothing had to be stopped.'}", Run.State.CANCELLED
            else:
                what = f"{what.strip()} {self._by()} asked to abort it; nothing had to be stopped."
        with self.lease.write(heard=self.wish.heard, state=state, said=f"{what.strip()} {self._whose_lock()}", ended=timezone.now()):
            Step.objects.filter(pk=step.pk).update(state=Step.State.FAILED, said=said, ended=timezone.now())

    def _cancelled_before(self, step: Step) -> None:
        """Between two steps: nothing is half done."""
        if self.wish() == Run.Cancel.STOP_WATCHING:
            self._left()
            return
        touched = Effect.objects.filter(run=self.run).exclude(state=Effect.State.PLANNED).exists()
        before = self.run.takes_over_id if not touched else None
        left = self._whose_lock() if touched else "Nothing had been changed."
        if before is not None:
            left += f" {self.run.lock_group} is held by run {before} again, from which it was taken over."
        said = f"{self._by()} stopped it before “{step.title}”. {left}"
        with self.lease.write(heard=self.wish.heard, state=Run.State.CANCELLED, said=said, ended=timezone.now(), holds_lock=touched):
            if before is not None:
                self._give_back(before)

    def _give_back(self, number: int) -> None:
        """The lock was taken over for nothing: what that run left is as it was. Inside the transaction that lets go of it."""
        old = Run.objects.select_for_update(of=("self",)).get(number=number)
        taken = f"Run {self.lease.number}, which had taken {old.lock_group} over,"
        why = f"{taken} was stopped before it changed anything: this one holds it again."
        revision = old.revision + 1
        Run.objects.filter(number=number).update(
            revision=revision, holds_lock=True, lock_released_by=None, lock_release_reason="", said=f"{old.said} {why}".strip()
        )
        audit.record("give lock back", by=None, target=old.lock_group, why=why, run=number)
        transaction.on_commit(lambda: doorbell.state_changed(number, revision))

    def _left(self) -> None:
        said = f"{self._by()} stopped watching. Whatever was started goes on in the world; “check now” looks at it again."
        with self.lease.write(heard=self.wish.heard, state=Run.State.UNKNOWN, said=said):
            pass

    def _wait_for_person(self, why: str) -> None:
        with self.lease.write(heard=self.wish.heard, state=Run.State.WAITING, said=why):
            pass

    def _finish(self) -> None:
        late = " It was complete before it could be cancelled." if self.wish() != Run.Cancel.NONE else ""
        now = timezone.now()
        changes = {"said": late.strip(), "started": self.run.started or now, "ended": now, "holds_lock": False, "troubles": 0}
        with self.lease.write(heard=self.wish.heard, state=Run.State.SUCCEEDED, **changes):
            pass

    def _by(self) -> str:
        by = Run.objects.select_related("cancelled_by").get(number=self.lease.number).cancelled_by
        return str(by) if by else "Somebody"

    def _whose_lock(self) -> str:
        return f"It goes on holding {self.run.lock_group}, so that nobody starts on a half-changed environment unawares."

    def _what_cancel_left(self, step: Step) -> str:
        rows = step.effects.exclude(state=Effect.State.REPLACED).order_by("pk")
        said = [row.answer["cancel"] for row in rows if "cancel" in row.answer]
        return " ".join(dict.fromkeys(said))


def _first_attempt(step: Step, act: plan.Act) -> Effect:
    return Effect(
        run_id=step.run_id, step=step, act=act.key, key=act.key, kind=act.kind, target=act.target, state=Effect.State.PLANNED, epoch=0
    )


def _one_after_the_other(works: Sequence[Work]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for work in works:
        outcomes.append(work.go())
        if not isinstance(outcomes[-1], Proven):
            break
    return outcomes


def _side_by_side(works: Sequence[Work]) -> list[Outcome]:
    """Each in a thread with a database connection of its own; all are followed until each has come to something."""
    with ThreadPoolExecutor(min(len(works), SIDE_BY_SIDE), thread_name_prefix="effect") as threads:
        futures = [threads.submit(_in_thread, work) for work in works]
    return [future.result() for future in futures]


def _in_thread(work: Work) -> Outcome:
    try:
        with bound_contextvars(run=work.lease.number):
            return work.go()
    finally:
        connection.close()
