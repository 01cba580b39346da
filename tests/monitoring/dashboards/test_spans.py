"""Time spans, and how fine the figures are that one call to CloudWatch may ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.dashboards.queries import requests
from monitoring.dashboards.spans import DAY, MOST_POINTS, RELATIVE, BadSpan, least_period, span_of
from remote.aws.metrics import Query
from tests.monitoring.dashboards.test_body import metric, read

NOW = datetime(2026, 11, 24, 9, 12, 4, tzinfo=UTC)


def test_a_span_ends_now_or_where_it_says() -> None:
    assert span_of("").key == "12h"
    start, end = span_of("1h").bounds(NOW)
    assert (start, end) == (datetime(2026, 11, 24, 8, 13, tzinfo=UTC), datetime(2026, 11, 24, 9, 13, tzinfo=UTC))
    past = span_of("1763956800-1763960400")
    assert past.bounds(NOW)[1] - past.bounds(NOW)[0] == timedelta(hours=1)
    assert past.is_settled(NOW)
    assert not span_of(f"{int(NOW.timestamp()) - 3600}-{int(NOW.timestamp())}").is_settled(NOW)


@pytest.mark.parametrize(
    "text", ["yesterday", "5-", "1764000000-1763999999", "1764000000-1764000030", "1000000000-1764000000", "-1-1", "9" * 500]
)
def test_what_is_no_span_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadSpan, match=r"is no time span|has to end after it begins"):
        span_of(text)


def test_figures_are_as_fine_as_one_call_and_cloudwatch_s_memory_allow() -> None:
    assert least_period(DAY, DAY, 40) == 60
    assert least_period(DAY, DAY, 500) == 900
    assert least_period(3600, 20 * DAY, 1) == 300
    assert least_period(3600, 100 * DAY, 1) == 3600
    for seconds in (each[1] for each in RELATIVE.values()):
        for lines in (1, 40, 500):
            assert lines * seconds / least_period(seconds, seconds, lines) <= MOST_POINTS


@pytest.mark.parametrize("key", list(RELATIVE))
@pytest.mark.parametrize("lines", [1, 40, 500])
def test_up_to_500_lines_are_one_call(key: str, lines: int) -> None:
    dashboard = read(
        *[
            metric(*[["N", "M", "Host", f"{widget}-{line}"] for line in range(min(lines, 20))], period=60)
            for widget in range(lines // 20 or 1)
        ]
    )
    (request,) = requests(dashboard, span_of(key), NOW)
    assert len(request.queries) == lines
    points = sum((request.end - request.start).total_seconds() / query.period for query in request.queries if isinstance(query, Query))
    assert points <= MOST_POINTS


def test_more_than_500_lines_are_asked_in_as_many_calls_as_it_takes() -> None:
    dashboard = read(*[metric(*[["N", "M", "Host", f"{widget}-{line}"] for line in range(100)]) for widget in range(12)])
    found = requests(dashboard, span_of("12h"), NOW)
    assert [len(request.queries) for request in found] == [500, 500, 200]


def test_a_number_keeps_its_period_and_a_far_one_is_asked_by_itself() -> None:
    hourly = metric(["N", "Hourly"], view="singleValue", period=3600)
    daily = metric(["N", "Daily"], view="singleValue", period=DAY)
    fine = metric(["N", "Fine"], period=60)
    near, far = requests(read(hourly, daily, fine), span_of("1h"), NOW)
    assert {query.id: query.period for query in near.queries} == {"w2_0": 60, "w0_0": 3600}
    assert near.end - near.start >= timedelta(hours=3)
    assert {query.id: query.period for query in far.queries} == {"w1_0": DAY}
    assert far.end - far.start >= timedelta(days=3)
