"""What the queue may call: one function, with one number."""

from __future__ import annotations

from structlog.contextvars import bind_contextvars

from runs import engine


def tick(number: int) -> None:
    """Whatever else is known of the run is in the database. Too many of these do no harm."""
    bind_contextvars(run=number)  # until the work-horse ends: what is said of a fault bears it, too
    engine.tick(number)
