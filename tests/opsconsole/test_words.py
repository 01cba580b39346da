"""How the console writes: numbers with units, times with zones, states with glyphs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsconsole.templatetags import words


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "0 s"),
        (0.04, "< 0.1 s"),
        (0.42, "0.4 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (921, "15 min 21 s"),
        (3_660, "1 h 01 min"),
        (140_400, "1 d 15 h"),
        (None, "–"),
    ],
)
def test_duration(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    "seconds, said", [(3, "5 s"), (43, "45 s"), (95, "2 min"), (1380, "23 min"), (5400, "1 h 30 min"), (None, "unknown")]
)
def test_about_is_no_more_exact_than_it_is(seconds: float | None, said: str) -> None:
    assert words.about(seconds) == said


def test_a_time_has_the_zone_of_the_estate() -> None:
    assert words.clock_zone(datetime(2026, 11, 24, 1, 19, 31, tzinfo=UTC)) == "02:19:31 CET"
    assert words.clock_zone(datetime(2026, 7, 24, 1, 19, 31, tzinfo=UTC)) == "03:19:31 CEST"


def test_a_moment_has_its_date_unless_it_is_today() -> None:
    now = datetime.now(UTC)
    assert len(words.moment(now)) == 5
    assert words.moment(datetime(2020, 3, 3, 10, 20, tzinfo=UTC)) == "3 Mar 2020 11:20"


def test_thousands_are_parted_by_a_thin_gap() -> None:
    assert words.thin(200_000) == "200\u202f000"
    assert words.size(9_800_000_000) == "9.8 GB"
    assert words.size(120_400_000) == "120 MB"
    assert words.size(900) == "900 B"


def test_what_ticks_says_since_when() -> None:
    told = words.ago(datetime.now(UTC) - timedelta(seconds=3))
    assert 'data-tick="ago"' in told
    assert "3 s ago" in told
    assert words.ago(None) == "never"


def test_a_command_is_shown_as_a_shell_would_take_it() -> None:
    assert words.command(["rm", "-rf", "--", "a b"]) == "rm -rf -- 'a b'"


def test_output_is_never_markup() -> None:
    assert words.coloured("\x1b[31m<b>no</b>\x1b[0m") == '<span class="a-red">&lt;b&gt;no&lt;/b&gt;</span>'


@pytest.mark.parametrize("word, state", [("Ok", "ok"), ("Severe", "bad"), ("No Data", "unknown"), ("", "unknown")])
def test_what_beanstalk_does_not_know_is_unknown(word: str, state: str) -> None:
    assert words.beanstalk_light(word) == state
