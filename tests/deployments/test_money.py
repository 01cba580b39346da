from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from deployments.money import next_window, window_at
from estate.definition import Money, Payout
from estate.reading import current

PARIS = ZoneInfo("Europe/Paris")
MONEY = Money((Payout(time(0, 30), (1, 11, 21)), Payout(time(2, 0))), timedelta(minutes=30), timedelta(minutes=60), "cashout:", PARIS)


def _paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("now", "shut"),
    [
        ("2026-11-23 01:29:59", False),
        ("2026-11-23 01:30:00", True),
        ("2026-11-23 02:00:00", True),
        ("2026-11-23 03:00:00", True),
        ("2026-11-23 03:00:01", False),
        ("2026-11-23 00:30:00", False),  # not a day of the cycle
        ("2026-11-21 00:30:00", True),
        ("2026-11-20 23:59:59", False),
        ("2026-11-21 00:00:00", True),  # half an hour before
        ("2026-11-30 23:59:59", False),
        ("2026-12-01 00:00:00", True),
        ("2026-12-01 01:30:00", True),  # both windows
        ("2026-12-01 12:00:00", False),
    ],
)
def test_nothing_is_deployed_around_a_payout(now: str, shut: bool) -> None:
    assert (window_at(MONEY, _paris(now)) is not None) is shut
    assert (window_at(MONEY, _paris(now).astimezone(UTC)) is not None) is shut, "whatever the zone of the one who asks"


def test_the_window_says_when_it_opens_again() -> None:
    window = window_at(MONEY, _paris("2026-12-01 01:30:00"))
    assert window is not None
    assert f"{window.payout:%H:%M} {window.closes:%H:%M}" == "02:00 03:00", "of two windows the one that ends last"
    ahead = next_window(MONEY, _paris("2026-11-23 12:00:00"))
    assert ahead is not None
    assert f"{ahead.opens:%a %H:%M}" == "Tue 01:30"


def test_the_hour_that_comes_twice_and_the_one_that_never_comes_are_guarded() -> None:
    """25 October 2026: 3:00 becomes 2:00, so 2:00 comes at 0:00 and at 1:00 UTC. 29 March 2026: 2:00 becomes 3:00, at 1:00 UTC."""
    for minute in range(-30, 121):
        assert window_at(MONEY, datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minute)), minute
    assert window_at(MONEY, datetime(2026, 10, 25, 2, 1, tzinfo=UTC)) is None
    for minute in range(-30, 61):
        assert window_at(MONEY, datetime(2026, 3, 29, 1, 0, tzinfo=UTC) + timedelta(minutes=minute)), minute


def test_the_times_are_the_estates_data() -> None:
    money = current().target("mirakl-cashout", "production").money
    assert money == MONEY
    assert current().target("pim", "production").money is None
