"""The downtime clock: the same answers, the same downtime; where nobody asked, nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estate import shop
from estate.models import ShopAnswer

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def each_second(states: str) -> list[shop.Answer]:
    """o open, c closed, b broken, s silent, a blank for a second in which nobody asked."""
    words = {"o": "open", "c": "closed", "b": "broken", "s": "silent"}
    return [(at(second), None, words[letter]) for second, letter in enumerate(states) if letter != " "]


def test_the_seconds_after_an_answer_belong_to_it() -> None:
    found = shop.measured(each_second("ooccccoo"), at(0), at(8))
    assert found.closed_seconds == 4
    assert found.seconds == 4
    assert found.bands == [(at(0), at(2), "open"), (at(2), at(6), "closed"), (at(6), at(8), "open")]


def test_broken_and_silent_are_told_apart_and_are_downtime_both() -> None:
    found = shop.measured(each_second("obbso"), at(0), at(5))
    assert (found.broken_seconds, found.silent_seconds, found.seconds) == (2, 1, 3)


def test_what_nobody_asked_is_unknown_after_five_seconds() -> None:
    found = shop.measured(each_second("c         o"), at(0), at(11))
    assert found.bands == [(at(0), at(5), "closed"), (at(5), at(10), "unknown"), (at(10), at(11), "open")]
    assert found.seconds == 5
    assert found.unknown_seconds == 5


def test_without_any_answer_all_is_unknown() -> None:
    assert shop.measured([], at(0), at(9)).bands == [(at(0), at(9), "unknown")]


def test_the_answer_before_the_start_counts_into_it() -> None:
    assert shop.measured([(at(-1), None, "closed"), (at(1), None, "open")], at(0), at(2)).closed_seconds == 1


def test_a_row_that_stands_for_many_leaves_no_gap() -> None:
    found = shop.measured([(at(-50), at(40), "closed"), (at(41), None, "open")], at(0), at(42))
    assert found.bands == [(at(0), at(41), "closed"), (at(41), at(42), "open")]


@given(st.lists(st.sampled_from("ocbs "), min_size=1, max_size=60), st.integers(0, 30), st.integers(31, 70))
def test_the_bands_cover_the_time_without_a_hole(states: list[str], start: int, end: int) -> None:
    found = shop.measured(each_second("".join(states)), at(start), at(end))
    answers = [band for band in found.bands if band[0] < band[1]]
    assert answers == found.bands
    assert (found.bands[0][0], found.bands[-1][1]) == (at(start), at(end))
    assert all(one[1] == two[0] and one[2] != two[2] for one, two in zip(found.bands, found.bands[1:], strict=False))


@pytest.mark.django_db
def test_downtime_is_read_for_one_shop_alone() -> None:
    for second in range(10):
        state = ShopAnswer.State.CLOSED if 3 <= second < 7 else ShopAnswer.State.OPEN
        ShopAnswer.objects.create(service="magento", environment="production", time=at(second), state=state, seconds=0.1)
        ShopAnswer.objects.create(service="magento", environment="pre-production", time=at(second), state="closed", seconds=0.1)
    assert shop.downtime("magento", "production", at(5), at(10)).closed_seconds == 2
    assert shop.downtime("magento", "pre-production", at(0), at(10)).closed_seconds == 10
