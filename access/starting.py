"""How a change of this area begins: its plan is stored and started in one go; there are no gates but the lock.

A run that failed keeps its lock for whoever looks at it; here the next change takes it over. Each plan looks at the server first, and
access must not be given longer because something else went wrong.
"""

from __future__ import annotations

from people.models import Operator, Role
from runs import actions as runs
from runs.models import Run
from runs.plan import Plan

BY_ITSELF = "ops-console"


def must_be_free(lock_group: str) -> None:
    """Before a host is asked for nothing. Raises LockHeld where a run is at work; `begin` holds it, whatever comes in between."""
    holder = Run.objects.filter(lock_group=lock_group, holds_lock=True).first()
    if holder is not None and holder.is_active:
        raise runs.LockHeld(holder)


def begin(value: Plan, *, reason: str, idempotency_key: str, by: Operator) -> Run:
    """Raises Forbidden, LockHeld, KeyReused, NotNow."""
    made = runs.save_plan(value, by=by)
    holder = Run.objects.filter(lock_group=value.lock_group, holds_lock=True).first()
    taken = holder.number if holder is not None and not holder.is_active else None
    return runs.start_run(made, hash=made.hash, idempotency_key=idempotency_key, reason=reason, takes_over=taken, by=by)


def by_itself() -> Operator:
    """Who asks for what ends by itself: an account that nobody can sign in to."""
    found, made = Operator.objects.get_or_create(
        username=BY_ITSELF, defaults={"first_name": "Ops", "last_name": "Console", "role": Role.OPERATOR}
    )
    if made:
        found.set_unusable_password()
        found.save(update_fields=["password"])
    return found
