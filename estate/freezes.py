"""When nothing is released: the freeze windows of estate.yaml against a moment. Pure.

A window is written in wall clock times of a zone, once ("2026-12-18 18:00") or every week ("fri 16:00"), and reckoned in real time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from estate.definition import Freeze

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` up to, and not including, `closes`; both in the freeze's own zone."""

    freeze: Freeze
    opens: datetime
    closes: datetime


def window_at(freezes: Sequence[Freeze], now: datetime) -> Window | None:
    """The window that this moment lies in; of several, the one that ends last."""
    found = [window for freeze in freezes for window in _windows(freeze, now) if window.opens <= now < window.closes]
    return max(found, key=lambda window: window.closes.astimezone(UTC)) if found else None


def next_window(freezes: Sequence[Freeze], now: datetime) -> Window | None:
    """The first that begins later than now."""
    found = [window for freeze in freezes for window in _windows(freeze, now) if window.opens > now]
    return min(found, key=lambda window: window.opens.astimezone(UTC)) if found else None


def complaint(freeze: Freeze) -> str:
    """What is wrong with how it is written; "" where nothing is."""
    if (freeze.start[:3] in _DAYS) != (freeze.end[:3] in _DAYS):
        return "from and until have to be both dates, or both days of the week"
    if freeze.start[:3] in _DAYS:
        return "from and until are the same moment" if freeze.start == freeze.end else ""
    try:
        opens, closes = datetime.fromisoformat(freeze.start), datetime.fromisoformat(freeze.end)
    except ValueError as error:
        return f"there is no such date ({error})"
    return "" if opens < closes else f"it ends ({freeze.end}) before it begins ({freeze.start})"


def _windows(freeze: Freeze, now: datetime) -> Iterator[Window]:
    """Of a weekly one those around now."""
    if freeze.start[:3] not in _DAYS:
        opens, closes = (datetime.fromisoformat(each).replace(tzinfo=freeze.zone) for each in (freeze.start, freeze.end))
        yield Window(freeze, opens, closes)
        return
    today = now.astimezone(freeze.zone).date()
    monday = today - timedelta(days=today.weekday())
    length = (_in_week(freeze.end) - _in_week(freeze.start)) % timedelta(days=7)
    for week in (-1, 0, 1):
        # In wall clock time, so that it opens and closes at the hours that are written, whatever the clock does in between.
        opens = datetime.combine(monday + timedelta(weeks=week), time.min) + _in_week(freeze.start)
        yield Window(freeze, opens.replace(tzinfo=freeze.zone), (opens + length).replace(tzinfo=freeze.zone))


def _in_week(moment: str) -> timedelta:
    day, _, clock = moment.partition(" ")
    hours, minutes = clock.split(":")
    return timedelta(days=_DAYS.index(day), hours=int(hours), minutes=int(minutes))
