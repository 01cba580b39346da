"""CloudWatch's answer on an even grid of times: a gap stays one, a count that is missing is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.dashboards.figures import figures, packed, unpacked, values_of
from monitoring.dashboards.queries import requests
from monitoring.dashboards.spans import span_of
from remote.aws.metrics import Series
from tests.monitoring.dashboards.test_body import metric, read

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALB = ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", "app/shop/1"]


def made(points: dict[int, float], *widgets: Any, said: str = "", key: str = "w0_0") -> dict[str, Any]:
    """`points` by minutes before now."""
    dashboard, span = read(*widgets), span_of("1h")
    (request,) = requests(dashboard, span, NOW)
    series = Series(key, "label", tuple(sorted((NOW - timedelta(minutes=ago), value) for ago, value in points.items())), said=said)
    return figures(dashboard, span, NOW, [(request, [series])])


def test_a_gap_is_no_zero() -> None:
    (line,) = made({60: 1.0, 59: 2.0, 57: 0.123456789}, metric(["AWS/RDS", "CPUUtilization"], period=60))["lines"]
    assert line["values"][:5] == [1, 2, None, 0.12346, None]
    assert len(line["values"]) == 60
    assert values_of(line)[0] == (int((NOW - timedelta(minutes=60)).timestamp()), 1)


def test_a_count_that_is_missing_is_none_until_the_newest_point_of_all() -> None:
    (line,) = made({60: 3.0, 50: 1.0}, metric(ALB, period=60, stat="Sum"))["lines"]
    assert line["values"][:11] == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert set(line["values"][11:]) == {None}
    (average,) = made({60: 3.0, 50: 1.0}, metric(ALB, period=60, stat="Average"))["lines"]
    assert average["values"][1] is None


def test_what_cloudwatch_cannot_work_out_is_said_of_its_line() -> None:
    (line,) = made({}, metric([{"expression": "nothing / 0"}], period=60), said="The metric 'nothing' is not in this request.")["lines"]
    assert line["said"] == "The metric 'nothing' is not in this request."
    assert set(line["values"]) == {None}


def test_packed_is_the_same_made_small() -> None:
    dashboard, span = read(metric(["N", "M"], period=60)), span_of("1h")
    (request,) = requests(dashboard, span, NOW)
    answered = [(request, [Series("w0_0", "M", ((NOW - timedelta(minutes=5), 4.0),))])]
    assert unpacked(packed(dashboard, span, NOW, answered)) == figures(dashboard, span, NOW, answered)
