"""CloudWatch's figures: series that are looked up instead of searched for.

Lives here: the store, and GetMetricData, GetMetricStatistics and ListMetrics over it; moto walks all data points for each query and
period, which a month of history makes far too slow. What others put by PutMetricData stays moto's, and so do dashboards.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, cast

from moto.cloudwatch import models, urls
from moto.cloudwatch.exceptions import ValidationError

from sandbox.aws import past
from sandbox.aws.expressions import NotUnderstood, evaluate
from sandbox.world import ACCOUNT, REGION

KEPT = 26 * 3600  # seconds of points as they came
ROLL_UPS = ((300, 15 * 86400), (3600, 63 * 86400))  # shorter periods than this are answered for so long only
MOST_QUERIES, MOST_POINTS = 500, 100_800

Key = tuple[str, str, tuple[tuple[str, str], ...]]
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Average": fmean,
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


class Series:
    """The points of one metric, oldest first, and what it was before them."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []
        self.before: list[past.Of] = []
        self.began = 0.0  # from here on points are recorded, and the past is over

    def add(self, time: float, value: float) -> None:
        self.times.append(time)
        self.values.append(value)
        if len(self.times) % 500 == 0:
            old = bisect.bisect_left(self.times, time - KEPT)
            del self.times[:old], self.values[:old]

    def rewrite(self, start: float, value: float, step: float) -> None:
        """From that moment until the last point it was this: somebody wants to have seen it for some minutes already."""
        first = bisect.bisect_left(self.times, start)
        self.values[first:] = [value] * len(self.values[first:])
        missing = [
            moment for n in range(60) if (moment := start + n * step) < (self.times[first] if first < len(self.times) else self.began)
        ]
        self.times[first:first] = missing
        self.values[first:first] = [value] * len(missing)
        self.began = min(self.began, start)

    def periods(self, start: float, end: float, period: float) -> dict[int, list[float]]:
        """The values of each period that has any, by the time at which it begins."""
        found = dict(past.values(self.before, start, min(end, self.began), period)) if self.before and start < self.began else {}
        for index in range(bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)):
            found.setdefault(int(self.times[index] // period * period), []).append(self.values[index])
        return found


class CloudWatch(models.CloudWatchBackend):
    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.series: dict[Key, Series] = {}
        self.lock = threading.Lock()

    @property
    def _url_module(self) -> Any:
        return urls

    def record(self, namespace: str, name: str, dimensions: Mapping[str, str], time: datetime, value: float) -> None:
        with self.lock:
            self.series.setdefault(key(namespace, name, dimensions), Series()).add(time.timestamp(), value)

    def remember(self, namespace: str, name: str, dimensions: Mapping[str, str], of: past.Of, began: float) -> None:
        """What a metric was before the start; more than one source makes more than one value a minute."""
        with self.lock:
            series = self.series.setdefault(key(namespace, name, dimensions), Series())
            series.before.append(of)
            series.began = began

    def rewrite(self, namespace: str, name: str, dimensions: Mapping[str, str], start: datetime, value: float, step: float) -> None:
        with self.lock:
            self.series[key(namespace, name, dimensions)].rewrite(start.timestamp(), value, step)

    def newest(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> float:
        """The last figure that was recorded. Raises KeyError and IndexError where there is none."""
        with self.lock:
            return self.series[key(namespace, name, dimensions)].values[-1]

    def periods(self, key: Key, start: float, end: float, period: float) -> dict[int, list[float]]:
        """The values of one metric by period; empty where there is no such metric."""
        with self.lock:
            found = self.series.get(key)
            return found.periods(start, end, period) if found else {}

    def get_metric_data(
        self, queries: list[dict[str, Any]], start_time: datetime, end_time: datetime, scan_by: str = "TimestampAscending"
    ) -> list[dict[str, Any]]:
        start, end = _seconds(start_time), _seconds(end_time)
        if len(queries) > MOST_QUERIES:
            raise ValidationError(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
        if start >= end:
            raise ValidationError("The parameter StartTime must be less than the parameter EndTime.")
        if sum((end - start) / _period(query) for query in queries if "MetricStat" in query) > MOST_POINTS:
            raise ValidationError(f"You have requested more than {MOST_POINTS} data points in one call.")
        points = {query["Id"]: self._points(query, start, end) for query in queries if "MetricStat" in query}
        failed = _calculate(queries, points)
        return [
            _answer(query, points.get(query["Id"], {}), scan_by, failed.get(query["Id"], ""))
            for query in queries
            if query.get("ReturnData", True)
        ]

    def get_metric_statistics(
        self,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[models.Statistics]:
        wanted = key(namespace, metric_name, {dimension["Name"]: dimension["Value"] for dimension in dimensions or []})
        if wanted not in self.series:
            theirs: list[models.Statistics] = super().get_metric_statistics(
                namespace, metric_name, start_time, end_time, period, stats, dimensions, unit
            )
            return theirs
        found = []
        for time, values in sorted(self.periods(wanted, _seconds(start_time), _seconds(end_time), period).items()):
            moment = datetime.fromtimestamp(time, UTC)
            statistics = models.Statistics(stats, moment)
            statistics.metric_data = [models.MetricDatum(namespace, metric_name, value, [], moment) for value in values]
            found.append(statistics)
        return found

    def get_filtered_metrics(self, metric_name: str, namespace: str, dimensions: list[dict[str, str]]) -> list[models.MetricDatumBase]:
        found: list[models.MetricDatumBase] = super().get_filtered_metrics(metric_name, namespace, dimensions)
        with self.lock:
            keys = list(self.series)
        for space, name, pairs in keys:
            datum = models.MetricDatum(space, name, 0.0, [{"Name": key, "Value": value} for key, value in pairs], None)
            if datum.filter(namespace=namespace, name=metric_name, dimensions=dimensions):
                found.append(datum)
        return found

    def _points(self, query: dict[str, Any], start: float, end: float) -> dict[float, float]:
        metric, period = query["MetricStat"]["Metric"], _period(query)
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
        wanted = key(metric["Namespace"], metric["MetricName"], dimensions)
        if wanted not in self.series:
            return self._of_others(query, start, end)
        statistic = query["MetricStat"]["Stat"]
        now = datetime.now(UTC).timestamp()
        for least, kept in ROLL_UPS:
            if period < least:
                start = max(start, now - kept)
        return {float(time): statistic_of(statistic, values) for time, values in sorted(self.periods(wanted, start, end, period).items())}

    def _of_others(self, query: dict[str, Any], start: float, end: float) -> dict[float, float]:
        asked = [query | {"ReturnData": True}]
        begins, ends = (
            datetime.fromtimestamp(moment, UTC).replace(tzinfo=None) for moment in (start, end)
        )  # moto's own are without a zone
        (answer,) = super().get_metric_data(asked, begins, ends)
        return {_seconds(time): float(value) for time, value in zip(answer["timestamps"], answer["values"], strict=True)}


def key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, tuple(sorted(dimensions.items()))


def _period(query: dict[str, Any]) -> int:
    return max(1, int(query["MetricStat"]["Period"]))


def _calculate(queries: list[dict[str, Any]], points: dict[str, dict[float, float]]) -> dict[str, str]:
    """Adds what expressions make of the series, each when what it needs is there; says why where it cannot."""
    metrics, failed = list(points), dict[str, str]()
    waiting = [query for query in queries if "Expression" in query]
    while waiting:
        left = []
        for query in waiting:
            try:
                period = min((_period(other) for other in queries if "MetricStat" in other), default=60)
                points[query["Id"]] = dict(evaluate(query["Expression"], points, period, metrics))
                failed.pop(query["Id"], None)
            except NotUnderstood as error:
                failed[query["Id"]] = str(error)
                left.append(query)
        if len(left) == len(waiting):
            break
        waiting = left
    return failed


def _answer(query: dict[str, Any], points: Mapping[float, float], scan_by: str, failed: str) -> dict[str, Any]:
    times = sorted(points, reverse=scan_by == "TimestampDescending")
    asked = query.get("MetricStat")
    answer = {
        "id": query["Id"],
        "label": query.get("Label") or (asked["Metric"]["MetricName"] if asked else query["Id"]),
        "timestamps": [datetime.fromtimestamp(time, UTC) for time in times],
        "values": [points[time] for time in times],
        "status_code": "InternalError" if failed else "Complete",
    }
    return answer | ({"messages": [{"Code": "ArithmeticError", "Value": failed}]} if failed else {})


def statistic_of(name: str, values: list[float]) -> float:
    if name in STATISTICS:
        return float(STATISTICS[name](values))
    if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
        return sorted(values)[min(len(values) - 1, int(float(name[1:]) / 100 * len(values)))]
    raise ValidationError(f"The value {name} for parameter MetricStat.Stat is not supported.")


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def backend() -> CloudWatch:
    return cast(CloudWatch, models.cloudwatch_backends[ACCOUNT][REGION])


def install() -> None:
    """Puts this back end in the place of moto's; before the first request."""
    models.cloudwatch_backends.backend = CloudWatch
