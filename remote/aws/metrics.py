"""CloudWatch metrics: series of numbers. A gap in the data stays a gap; it is never a zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remote.aws.session import Patience, ask_all


@dataclass(frozen=True, slots=True)
class Query:
    """One metric. `id` begins with a letter; `statistic` is Average, Sum, Maximum, p90 …; `period` is in seconds."""

    id: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int = 60


@dataclass(frozen=True, slots=True)
class Series:
    """`points` in order of time; `complete` is False where CloudWatch says that it has more."""

    id: str
    label: str
    points: tuple[tuple[datetime, float], ...] = field(default=())
    complete: bool = True


def series(queries: Sequence[Query], start: datetime, end: datetime, *, patience: Patience | None = None) -> dict[str, Series]:
    """By the id of the query; at most 500 queries a call."""
    asked = [_asked(query) for query in queries]
    results = ask_all(
        "cloudwatch", "get_metric_data", "MetricDataResults", patience=patience, MetricDataQueries=asked, StartTime=start, EndTime=end
    )
    parts: dict[str, list[dict[str, Any]]] = {}
    for result in results:  # a long series comes in several pages
        parts.setdefault(result["Id"], []).append(result)
    return {id_: _series(id_, found) for id_, found in parts.items()}


def _asked(query: Query) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions.items()]
    metric = {"Namespace": query.namespace, "MetricName": query.metric, "Dimensions": dimensions}
    return {"Id": query.id, "MetricStat": {"Metric": metric, "Period": query.period, "Stat": query.statistic}}


def _series(id_: str, parts: list[dict[str, Any]]) -> Series:
    points = [point for part in parts for point in zip(part["Timestamps"], part["Values"], strict=True)]
    return Series(id_, parts[-1].get("Label", ""), tuple(sorted(points)), parts[-1].get("StatusCode", "Complete") == "Complete")
