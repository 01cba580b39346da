"""Observe mode: with OBSERVE=1 in the environment, or where the estate wants it, nothing leaves this process that could change the world.

The pages refuse long before (`people.permissions`); this is the last door, for whoever finds another way to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from remote.errors import Refused

WHY = "The console observes only: nothing is changed from here."
NEXT = "Whoever runs the console takes OBSERVE out of its environment, and “observe” out of estate.yaml, which has to be readable."


_wishes: list[Callable[[], bool]] = []


def register(wish: Callable[[], bool]) -> None:
    """Told from above: does something else than the environment want it?"""
    if wish not in _wishes:
        _wishes.append(wish)


def is_on() -> bool:
    told = os.environ.get("OBSERVE", "").strip().lower() in ("1", "true", "on", "yes")
    return told or any(wish() for wish in _wishes)


def refuse(doing: str) -> None:
    """Raises Refused where only looking is allowed."""
    if is_on():
        raise Refused(f"{doing}: {WHY}", NEXT)
