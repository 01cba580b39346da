"""The engine with one of its guards removed: each must be caught by the suite, or the suite proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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

    from runs import leases
    from runs.models import Run

    @contextmanager
    def write(self: leases.Lease, **changes: Any) -> Iterator[None]:
        with transaction.atomic():
            Run.objects.filter(number=self.number).update(**changes)
            yield

    leases.Lease.write = write  # type: ignore[method-assign]
    leases.Lease.left = lambda self: 1e6  # type: ignore[method-assign]
    leases.Lease.renew = lambda self: True  # type: ignore[method-assign]
    from runs import work

    work.Wish.__call__ = lambda self: "none"  # type: ignore[method-assign]


def _retry() -> None:
    """A reply that was lost counts as a failure, and the effect is repeated at once."""
    from remote.errors import Unanswered
    from runs.work import Work

    start = Work._start

    def starting(self: Work) -> Any:
        kind = self.kind

        class Eager:
            def do(self, act: Any, context: Any) -> Any:
                try:
                    return kind.do(act, context)
                except Unanswered:
                    return kind.do(act, context)

            probe, cancel = kind.probe, kind.cancel

        self.kind = Eager()
        try:
            return start(self)
        finally:
            self.kind = kind

    Work._start = starting  # type: ignore[method-assign]


def _no_lock() -> None:
    """Nobody asks whether another run holds the group: the constraint goes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS one_active_run_per_lock_group")


GUARDS: dict[str, Callable[[], None]] = {
    "no-intent": _no_intent,
    "no-probe": _no_probe,
    "no-fence": _no_fence,
    "retry": _retry,
    "no-lock": _no_lock,
}
