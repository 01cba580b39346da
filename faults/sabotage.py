"""The console with one of its guards removed: each must be caught by the suite, or the suite proves nothing.

A guard is removed in the forked processes alone, before they work. `CAUGHT_BY` says which point must come out as a violation then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

RETRIED_AFTER = 3.0  # seconds: what was asked for is over by then, and asking again is accepted


def remove(guard: str) -> None:
    """In this process, before it works. Raises KeyError for a guard that is not known."""
    GUARDS[guard]()


def _no_intent() -> None:
    """The intent is not on record when the effect begins: whoever comes after a crash knows of nothing."""
    from runs import engine
    from runs.models import Effect
    from runs.work import Work

    begin, intend = engine.Tick._begin, Work._intend

    def beginning(self: engine.Tick, step: Any, planned: Any) -> Any:
        rows = begin(self, step, planned)
        Effect.objects.filter(pk__in=[row.pk for row in rows.values()]).update(state=Effect.State.PLANNED)
        return rows

    def forgetting(self: Work) -> None:
        intend(self)
        Effect.objects.filter(pk=self.row.pk).update(state=Effect.State.PLANNED)

    engine.Tick._begin = beginning  # type: ignore[method-assign]
    Work._intend = forgetting  # type: ignore[method-assign]


def _no_probe() -> None:
    """What was begun is not asked about: it is simply done again."""
    from runs.models import Effect
    from runs.work import Work

    go = Work._go

    def again(self: Work) -> Any:
        if self.row.state == Effect.State.INTENT:
            self.row.state = Effect.State.PLANNED
        return go(self)

    Work._go = again  # type: ignore[method-assign]


def _no_fence() -> None:
    """Whoever has lost the lease writes on, works on, and does not end itself."""
    from django.db import transaction

    from runs import engine, leases, log, work
    from runs.models import Run

    @contextmanager
    def write(self: leases.Lease, *, heard: leases.Wanted | None = None, **changes: Any) -> Iterator[None]:
        mine = Run.objects.filter(number=self.number)
        with transaction.atomic():
            if not mine.exists():
                raise leases.Fenced
            if changes:
                mine.update(**changes)
            yield

    leases.Lease.write = write  # type: ignore[method-assign]
    leases.Lease.left = lambda self: 1e6  # type: ignore[method-assign]
    init: Any = leases.Beat.__init__
    init.__kwdefaults__["give_up"] = lambda: None
    module: Any = engine
    module.Log = lambda number, epoch: log.Log(number)
    work.Wish.__call__ = lambda self: "none"  # type: ignore[method-assign]


def _retry() -> None:
    """A reply that was lost counts as a failure, and the effect is repeated after a pause, as a queue's retry does."""
    import time

    from remote.errors import Unanswered
    from runs import effects

    class Eager:
        def __init__(self, kind: effects.Kind) -> None:
            self._kind, self.probe, self.cancel = kind, kind.probe, kind.cancel

        def do(self, act: Any, context: Any) -> Mapping[str, Any]:
            try:
                return self._kind.do(act, context)
            except Unanswered:
                time.sleep(RETRIED_AFTER)
                return self._kind.do(act, context)

    for name, kind in effects.kinds().items():
        effects._kinds[name] = Eager(kind)


def _no_reconciler() -> None:
    """Nobody looks for runs that nobody works on: a ring that is lost is lost."""
    from runs import reconcile

    reconcile.reconcile = lambda **_: []


def _impatient() -> None:
    """A call that AWS throttles, or that fails, is a failure."""
    from runs.models import Effect
    from runs.work import Work

    def trouble(self: Work, error: Any) -> None:
        self._record(Effect.State.FAILED, said=str(error), ended=True)

    Work._trouble = trouble  # type: ignore[method-assign]


def _start_again() -> None:
    """Each start on a host is another one: nothing is attached to."""
    import uuid

    from deployments.doors import runner
    from deployments.effects import hosts
    from remote.ssh.runner import Key

    class Anew(hosts.HostCommand):
        def do(self, act: Any, context: Any) -> Mapping[str, Any]:
            key = Key(str(context.run), f"again-{uuid.uuid4().hex[:8]}")
            runner().start(act.params["ip"], key, act.argv, epoch=context.epoch)
            return super().do(act, context)

    from runs import effects

    effects._kinds["host.command"] = Anew()


def _no_kill() -> None:
    """A cancel is believed instead of proven."""
    from remote.ssh.runner import Proof, Runner, State

    Runner.cancel = lambda self, host, key, *, grace=3: Proof(State("cancelled", None, 0), ())  # type: ignore[method-assign]
    from deployments.effects import hosts
    from runs.effects import Failed

    def judge(self: hosts.HostCommand, act: Any, context: Any, state: Any) -> Any:
        return Failed(f"{act.target}: the command was cancelled") if "cancel" in context.answer else usual(self, act, context, state)

    usual = hosts.HostCommand.judge
    hosts.HostCommand.judge = judge  # type: ignore[method-assign, assignment]


def _no_lock() -> None:
    """Nobody asks whether another run holds the group: the constraint goes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS one_active_run_per_lock_group")
    connection.close()


def _no_catching_up() -> None:
    """A page shows what is pushed to it and never asks the database."""
    from runs.consumers import RunConsumer

    async def nothing(self: RunConsumer) -> None:
        return

    async def lines(self: RunConsumer, frame: Any) -> None:
        self.seen = frame.data["last"]
        await self.send(text_data=frame.text)

    RunConsumer._from_database = nothing  # type: ignore[method-assign]
    RunConsumer._lines = lines  # type: ignore[method-assign]


def _no_guard() -> None:
    """Nobody looks whether a shop was left closed."""
    from runs import periodic

    for name in [name for name in periodic._registered if "guard" in name]:
        del periodic._registered[name]


def _forgetful() -> None:
    """Going on begins from the start: what is done is not known to be done."""
    from runs import actions
    from runs.models import Effect, Step

    resume = actions.resume

    def again(run: Any, *, by: Any) -> Any:
        Effect.objects.filter(run=run).delete()
        Step.objects.filter(run=run, state=Step.State.DONE).update(state=Step.State.PLANNED)
        return resume(run, by=by)

    actions.resume = again


def _optimist() -> None:
    """What is not known is taken for done, and the screen says so."""
    from runs.effects import Done
    from runs.work import Work

    Work._ask = lambda self: self._take(Done("taken for done"))  # type: ignore[method-assign]


def _deaf() -> None:
    """A worker that is asked to end hears nothing."""
    from runs.worker import TickWorker

    TickWorker.request_stop = lambda self, signum, frame: None  # type: ignore[method-assign]


def _no_witness() -> None:
    """Nobody remembers how far a run had come: an old database is believed."""
    from runs import engine

    engine._was_put_back = lambda lease: False


def _orphan() -> None:
    """A tick does not die with its worker."""
    from runs import worker

    worker._die_with = lambda parent: None


def _no_spool() -> None:
    """A line that the database does not take is dropped."""
    from runs import spool

    spool.keep = lambda run, chunks: None


def _trusting() -> None:
    """Whoever presses the button rings, and nobody rings again for a run that has not begun."""
    from runs import reconcile
    from runs.models import Run

    neglected = reconcile.neglected

    def begun() -> list[int]:
        return list(Run.objects.filter(number__in=neglected()).exclude(state=Run.State.QUEUED).values_list("number", flat=True))

    reconcile.neglected = begun


def _local_clock() -> None:
    """Leases are counted by the wall clock of whoever counts: not by one that all share."""
    from django.utils import timezone

    from runs import clock

    def now_sql() -> tuple[str, list[float]]:
        return "%s", [timezone.now().timestamp()]

    def as_sql(self: clock.Now, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (timezone.now().timestamp(),)

    clock.now_sql = now_sql
    clock.Now.as_sql = clock.Now.as_sqlite = as_sql  # type: ignore[method-assign]


def _first_look() -> None:
    """What is shown of a host is what was read of it first."""
    from estate import api
    from estate.models import Host

    first: dict[str, str] = {}

    class Remembered(Host):
        class Meta:
            app_label = "estate"
            proxy = True

        @classmethod
        def from_db(cls, *row: Any, **more: Any) -> Any:
            host: Any = super().from_db(*row, **more)
            host.version = first.setdefault(host.pk, host.version)
            return host

    module: Any = api
    module.Host = Remembered


def _no_limit() -> None:
    """Whoever writes into a log waits for nobody: what is not stored yet piles up."""
    from runs import log

    log.MOST_WAITING = 10**12


GUARDS: dict[str, Callable[[], None]] = {
    "no-intent": _no_intent,
    "no-probe": _no_probe,
    "no-fence": _no_fence,
    "retry": _retry,
    "no-reconciler": _no_reconciler,
    "impatient": _impatient,
    "start-again": _start_again,
    "no-kill": _no_kill,
    "no-lock": _no_lock,
    "no-catching-up": _no_catching_up,
    "no-guard": _no_guard,
    "forgetful": _forgetful,
    "optimist": _optimist,
    "deaf": _deaf,
    "no-witness": _no_witness,
    "orphan": _orphan,
    "no-spool": _no_spool,
    "trusting": _trusting,
    "local-clock": _local_clock,
    "no-limit": _no_limit,
    "first-look": _first_look,
    "unfenced": _no_fence,  # in a random schedule
}
# The point that is about it, and what must be said of it. {update} is the number of the first UpdateEnvironment in pre-production's plan.
CAUGHT_BY = {
    "no-intent": ("P1:pre-production:{update}:after-effect:kill-tick", "UpdateEnvironment"),
    "no-probe": ("P1:pre-production:{update}:after-effect:kill-worker", "UpdateEnvironment"),
    "no-fence": ("P1:pre-production:{update}:after-intent:stop-tick", "update:back was done under number"),
    "retry": ("P2:aws:UpdateEnvironment:1", ""),
    "no-reconciler": ("P1:pre-production:4:after-intent:kill-tick", "the end of run"),
    "impatient": ("P6:{update}:throttled", "the run says failed"),
    "start-again": ("P7:sandbox:silent:reset:2", "the command ran"),
    "no-kill": ("P8:nothing:1", "processes of the command live on"),
    "no-lock": ("P9:sqlite:1", "were accepted"),
    "no-catching-up": ("P5:web:1", "did not reach"),
    "no-guard": ("P13:flag", "the alarm on the page"),
    "forgetful": ("P14:pre-production:command-fails:pp-fe-1:cache_flush", "was repeated"),
    "optimist": ("P1:pre-production:{update}:after-intent:kill-tick", "without the fault"),
    "deaf": ("P15:{update}", "the end of process"),
    "no-witness": ("P17:4:9", "fired again"),
    "no-spool": ("P4:postgresql:2:stopped", "own lines"),
    "trusting": ("P3:press", "somebody to begin with it"),
    "local-clock": ("P10:worker:-3", "before the lease"),
    "unfenced": ("P18:173", "was done under number"),
    "first-look": ("P11:pre-production:kill-tick", "is shown with"),
    "no-limit": ("P16:log:100", "the writer grew by"),
    "orphan": ("P1:pre-production:{update}:after-effect:kill-worker", "an orphan went on"),
}
