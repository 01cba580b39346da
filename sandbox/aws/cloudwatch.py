"""CloudWatch's figures: series that are looked up instead of searched for.

Lives here: the store, and GetMetricData and ListMetrics over it; moto walks all data points for each query and period, which a day of
history makes far too slow. What others put by PutMetricData stays moto's, and so does everything about alarms and dashboards.
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

from sandbox.world import ACCOUNT, REGION

KEPT = 26 * 3600  # seconds of history
MOST_QUERIES = 500

Key = tuple[str, str, tuple[tuple[str, str], ...]]
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Average": fmean,
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


class Series:
    """The points of one metric, oldest first."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []

    def add(self, time: float, value: float) -> None:
        self.times.append(time)
        self.values.append(value)
        if len(self.times) % 500 == 0:
            old = bisect.bisect_left(self.times, time - KEPT)
            del self.times[:old], self.values[:old]

    def periods(self, start: float, end: float, period: int) -> dict[int, list[float]]:
        """The values of each period that has any, by the time at which it begins."""
        found: dict[int, list[float]] = {}
        for index in range(bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)):
            found.setdefault(int(self.times[index] // period) * period, []).append(self.values[index])
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
            self.series.setdefault(_key(namespace, name, dimensions), Series()).add(time.timestamp(), value)

    def get_metric_data(
        self, queries: list[dict[str, Any]], start_time: datetime, end_time: datetime, scan_by: str = "TimestampAscending"
    ) -> list[dict[str, Any]]:
        if len(queries) > MOST_QUERIES:
            raise ValidationError(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
        ours = {query["Id"]: found for query in queries if (found := self._series_of(query)) is not None}
        others = [query for query in queries if query["Id"] not in ours]
        with self.lock:
            answered = {
                query["Id"]: _answer(query, ours[query["Id"]], start_time, end_time, scan_by) for query in queries if query["Id"] in ours
            }
        if others:
            answered |= {result["id"]: result for result in super().get_metric_data(others, start_time, end_time, scan_by)}
        return [answered[query["Id"]] for query in queries if query["Id"] in answered and query.get("ReturnData", True)]

    def get_filtered_metrics(self, metric_name: str, namespace: str, dimensions: list[dict[str, str]]) -> list[models.MetricDatumBase]:
        found: list[models.MetricDatumBase] = super().get_filtered_metrics(metric_name, namespace, dimensions)
        with self.lock:
            keys = list(self.series)
        for space, name, pairs in keys:
            datum = models.MetricDatum(space, name, 0.0, [{"Name": key, "Value": value} for key, value in pairs], None)
            if datum.filter(namespace=namespace, name=metric_name, dimensions=dimensions):
                found.append(datum)
        return found

    def _series_of(self, query: dict[str, Any]) -> Series | None:
        if "MetricStat" not in query:
            return None
        metric = query["MetricStat"]["Metric"]
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
        with self.lock:
            return self.series.get(_key(metric["Namespace"], metric["MetricName"], dimensions))


def _key(namespace: str, name: str, dimensions: Mapping[str, str]) -> Key:
    return namespace, name, tuple(sorted(dimensions.items()))


def _answer(query: dict[str, Any], series: Series, start: datetime, end: datetime, scan_by: str) -> dict[str, Any]:
    asked = query["MetricStat"]
    periods = series.periods(_seconds(start), _seconds(end), int(asked["Period"]))
    times = sorted(periods, reverse=scan_by == "TimestampDescending")
    return {
        "id": query["Id"],
        "label": query.get("Label") or asked["Metric"]["MetricName"],
        "timestamps": [datetime.fromtimestamp(time, UTC) for time in times],
        "values": [_statistic(asked["Stat"], periods[time]) for time in times],
        "status_code": "Complete",
    }


def _statistic(name: str, values: list[float]) -> float:
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
