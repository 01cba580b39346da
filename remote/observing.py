"""Observe mode: with OBSERVE=1 in the environment nothing leaves this process that could change the world outside.

The pages refuse long before (`people.permissions`); this is the last door, for whoever finds another way to it.
"""

from __future__ import annotations

import os

from remote.errors import Refused

WHY = "The console observes only (OBSERVE=1): nothing is changed from here."
NEXT = "Whoever runs the console takes OBSERVE out of its environment and starts it anew."


def is_on() -> bool:
    return os.environ.get("OBSERVE", "").strip().lower() in ("1", "true", "on", "yes")


def refuse(doing: str) -> None:
    """Raises Refused where only looking is allowed."""
    if is_on():
        raise Refused(f"{doing}: {WHY}", NEXT)
