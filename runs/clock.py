"""The clock that leases and waits are counted with: one that all who share the database share, and that nobody sets.

PostgreSQL: the server's. SQLite is on one machine: that machine's boot clock (it goes on while the machine sleeps, and no time server
moves it). What lies further ahead than any wait can be was written before the machine last booted.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connection
from django.db.models import Expression, FloatField

LONGEST_WAIT = 120.0  # seconds; no wake_at lies further ahead


class Now(Expression):
    """Seconds, for queries: `filter(lease_until__lt=Now())`, `update(lease_until=Now() + 20.0)`."""

    output_field = FloatField()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        return "extract(epoch from clock_timestamp())", ()

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (time.clock_gettime(time.CLOCK_BOOTTIME),)


def now_sql() -> tuple[str, list[float]]:
    """The same for a statement written by hand: what stands for it there, and its parameters."""
    if connection.vendor == "sqlite":
        return "%s", [time.clock_gettime(time.CLOCK_BOOTTIME)]
    return "extract(epoch from clock_timestamp())::float8", []


def now() -> float:
    """The same, as a number."""
    sql, parameters = now_sql()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", parameters)
        return float(cursor.fetchone()[0])
