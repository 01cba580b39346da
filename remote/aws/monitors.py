"""CloudWatch's alarms and dashboards as parts of the inventory: how they are declared, not how they stand. Reading only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask, ask_all


def alarms() -> list[Found]:
    return [
        Found(
            "alarm",
            raw["AlarmName"],
            raw["AlarmName"],
            {
                "metric": raw.get("MetricName", ""),
                "namespace": raw.get("Namespace", ""),
                "statistic": raw.get("Statistic", ""),
                "comparison": raw.get("ComparisonOperator", ""),
                "threshold": raw.get("Threshold"),
                "datapoints": raw.get("DatapointsToAlarm", raw.get("EvaluationPeriods")),
                "periods": raw.get("EvaluationPeriods"),
                "period": raw.get("Period"),
                "actions": len(raw.get("AlarmActions", ())),
                "actions_enabled": raw.get("ActionsEnabled", False),
                "about": {each["Name"]: each["Value"] for each in raw.get("Dimensions", ())},
            },
        )
        for raw in ask_all("cloudwatch", "describe_alarms", "MetricAlarms", patience=PATIENCE)
    ]


def widgets() -> list[Found]:
    """Of all dashboards; `metrics` are "NAME STATISTIC"."""
    found = []
    for entry in ask("cloudwatch", "list_dashboards", patience=PATIENCE).get("DashboardEntries", ()):
        name = entry["DashboardName"]
        body = json.loads(ask("cloudwatch", "get_dashboard", patience=PATIENCE, DashboardName=name)["DashboardBody"])
        for number, widget in enumerate(body.get("widgets", ())):
            said = widget.get("properties", {})
            facts = {
                "dashboard": name,
                "place": number,
                "metrics": list(_metrics(said)),
                "period": said.get("period"),
                "stacked": bool(said.get("stacked")),
                "window": said.get("start", ""),
            }
            found.append(Found("widget", f"{name} {number}", str(said.get("title", "")), facts))
    return found


def _metrics(said: dict[str, Any]) -> Iterator[str]:
    """A metric is [namespace, name, dimension, value, …, options]; "." repeats what stands above it."""
    above: list[Any] = []
    for row in said.get("metrics", ()):
        options = row[-1] if row and isinstance(row[-1], dict) else {}
        words = [
            above[at] if word == "." and at < len(above) else word
            for at, word in enumerate(each for each in row if not isinstance(each, dict))
        ]
        above = words
        if len(words) > 1:
            yield f"{words[1]} {options.get('stat', said.get('stat', 'Average'))}"
