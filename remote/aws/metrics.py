"""CloudWatch metrics: series of numbers. A gap in the data stays a gap; it is never a zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remote.aws.session import Patience, ask_all

MOST_QUERIES = 500  # of one call


@dataclass(frozen=True, slots=True)
class Query:
    """One metric. `id` begins with a letter; `statistic` is Average, Sum, Maximum, p90 …; `period` is in seconds."""

    id: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int = 60
    returned: bool = True  # False where it only feeds a calculation


@dataclass(frozen=True, slots=True)
class Calculation:
    """Metric math, worked out by CloudWatch over the queries of the same call, which it names by their ids."""

    id: str
    expression: str
    period: int = 60
    returned: bool = True


@dataclass(frozen=True, slots=True)
class Series:
    """`points` in order of time; `complete` is False where CloudWatch has more; `said` is its word where something is wrong."""

    id: str
    label: str
    points: tuple[tuple[datetime, float], ...] = field(default=())
    complete: bool = True
    said: str = ""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alarm in the state ALARM, and since when."""

    name: str
    since: datetime | None


def firing(*, patience: Patience | None = None) -> list[Firing]:
    found = ask_all("cloudwatch", "describe_alarms", "MetricAlarms", patience=patience, StateValue="ALARM")
    return sorted((Firing(each["AlarmName"], each.get("StateUpdatedTimestamp")) for each in found), key=lambda each: each.name)


def series(queries: Sequence[Query], start: datetime, end: datetime, *, patience: Patience | None = None) -> dict[str, Series]:
    """By the id of the query; at most 500 queries a call."""
    return {each.id: each for each in answers(queries, start, end, patience=patience)}


def answers(queries: Sequence[Query | Calculation], start: datetime, end: datetime, *, patience: Patience | None = None) -> list[Series]:
    """One for each query that is returned; a calculation that searches has one for each metric found, told apart by their labels."""
    asked = [_asked(query) for query in queries]
    results = ask_all(
        "cloudwatch", "get_metric_data", "MetricDataResults", patience=patience, MetricDataQueries=asked, StartTime=start, EndTime=end
    )
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for result in results:  # a long series comes in several pages
        parts.setdefault((result["Id"], result.get("Label", "")), []).append(result)
    return [_series(id_, found) for (id_, _), found in parts.items()]


def _asked(query: Query | Calculation) -> dict[str, Any]:
    if isinstance(query, Calculation):
        return {"Id": query.id, "Expression": query.expression, "Period": query.period, "ReturnData": query.returned}
    dimensions = [{"Name": name, "Value": value} for name, value in query.dimensions.items()]
    metric = {"Namespace": query.namespace, "MetricName": query.metric, "Dimensions": dimensions}
    return {
        "Id": query.id,
        "MetricStat": {"Metric": metric, "Period": query.period, "Stat": query.statistic},
        "ReturnData": query.returned,
    }


def _series(id_: str, parts: list[dict[str, Any]]) -> Series:
    points = [point for part in parts for point in zip(part["Timestamps"], part["Values"], strict=True)]
    said = " ".join(dict.fromkeys(message.get("Value", "") for part in parts for message in part.get("Messages", ())))
    status = parts[-1].get("StatusCode", "Complete")
    if status in ("InternalError", "Forbidden") and not said:
        said = "CloudWatch may not show it to the console." if status == "Forbidden" else "CloudWatch failed in working it out."
    return Series(id_, parts[-1].get("Label", ""), tuple(sorted(points)), status == "Complete", said)
