"""What the queue may call: one function, with one number."""

from __future__ import annotations

from runs import engine


def tick(number: int) -> None:
    """Whatever else is known of the run is in the database. Too many of these do no harm."""
    engine.tick(number)
