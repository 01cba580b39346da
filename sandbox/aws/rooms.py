"""How much storage each database has free: a function of time before and after the start, so that it is never recorded."""

from __future__ import annotations

from sandbox.aws.inventory.databases import DATABASES, PRODUCTION
from sandbox.world import World

GIB = 2**30
USED, GROWTH, FAST = 0.41, 0.0006, 0.02  # of the size: at the start, a day, a day while the fault lasts
FAULT = "database-fills"  # its option `days`: when production's database is full


def free(world: World, database: str, at: float, start: float) -> float:
    """In bytes, at a time in seconds; `start` is when the sandbox began."""
    size = next(gib for identifier, _, gib, _, _ in DATABASES if identifier == database) * GIB
    fault = next((each for each in world.faults.listed() if each.kind == FAULT), None) if database == PRODUCTION else None
    growth = size * (FAST if fault else GROWTH)
    left = growth * float(fault.options.get("days", "5")) if fault else size * (1 - USED)
    return float(round(min(size, max(0.0, left - growth * (at - start) / 86_400))))
