"""When money is paid out, nothing may be deployed to the host that pays: the hours around each payout, in the estate's own time. Pure.

Whether a payout runs at this moment is asked of the host; see `deployments.gates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from estate.definition import Money, Payout

_DAYS = 2  # around now: no window is longer than half a day


@dataclass(frozen=True, slots=True)
class Window:
    """`opens` and `closes` bound the time in which nothing is deployed; all three are in the estate's time zone."""

    opens: datetime
    payout: datetime
    closes: datetime


def window_at(money: Money, now: datetime) -> Window | None:
    """The window that this moment lies in, both ends included; of several the one that ends last."""
    found = [window for window in _around(money, now) if window.opens <= now <= window.closes]
    return max(found, key=lambda window: window.closes) if found else None


def next_window(money: Money, now: datetime) -> Window | None:
    """The first that begins later than now, within a day or two; None where the next payout is further away."""
    return min((window for window in _around(money, now) if window.opens > now), key=lambda window: window.opens, default=None)


def _around(money: Money, now: datetime) -> Iterator[Window]:
    today = now.astimezone(money.zone).date()
    for day in (today + timedelta(days=offset) for offset in range(-_DAYS, _DAYS + 1)):
        for payout in money.payouts:
            if not payout.days or day.day in payout.days:
                yield _window(money, payout, day)


def _window(money: Money, payout: Payout, day: date) -> Window:
    """Reckoned in real time: where the clock is set back that hour comes twice, and the window reaches from the first to the second."""
    first, second = (datetime.combine(day, payout.at, money.zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    earliest, latest = min(first, second), max(first, second)
    here = money.zone
    return Window((earliest - money.before).astimezone(here), earliest.astimezone(here), (latest + money.after).astimezone(here))
