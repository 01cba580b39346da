"""Quiet hours: when a channel keeps still, in the estate's zone, and when it speaks again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo

_zone: list[Callable[[], tzinfo]] = []


def register_zone(zone: Callable[[], tzinfo]) -> None:
    """Told from above: the zone in which people here read their clocks."""
    _zone[:] = [zone]


def zone() -> tzinfo:
    return _zone[0]() if _zone else UTC


def speaks_at(quiet_from: time | None, quiet_until: time | None, at: datetime) -> datetime:
    """`at`, or the end of the quiet hours in which it lies. They may reach over midnight; from a time to the same is never."""
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return at
    local = at.astimezone(zone())
    for begun in (local.date() - timedelta(days=1), local.date()):
        start = datetime.combine(begun, quiet_from, local.tzinfo)
        ends = begun if quiet_until > quiet_from else begun + timedelta(days=1)
        end = datetime.combine(ends, quiet_until, local.tzinfo)
        if start <= local < end:
            return end.astimezone(UTC)
    return at
