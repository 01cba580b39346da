"""Declared against live: what the estate's file says of an alarm, in CloudWatch's own names, and where the two differ. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from estate.definition import DeclaredAlarm

SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
_WORDS = {
    "Namespace": "Namespace",
    "MetricName": "Metric",
    "Dimensions": "Of what",
    "Statistic": "Statistic",
    "Period": "Period",
    "EvaluationPeriods": "Periods looked at",
    "DatapointsToAlarm": "Datapoints to alarm",
    "ComparisonOperator": "Comparison",
    "Threshold": "Threshold",
    "TreatMissingData": "Missing data",
    "AlarmActions": "Told on alarm",
    "ActionsEnabled": "Actions",
}
_SILENT = {"TreatMissingData": "missing", "ActionsEnabled": True}  # what CloudWatch means where nothing is set


@dataclass(frozen=True, slots=True)
class Line:
    """One value of the definition, as both have it; `differs` says that they do."""

    name: str
    declared: str
    live: str
    differs: bool


def definition(declared: DeclaredAlarm, connections: Mapping[str, str]) -> dict[str, Any]:
    """What PutMetricAlarm is to be told. `connections` are the ids of IPSec connections by name. Raises LookupError for an unknown one."""
    dimensions = dict(declared.dimensions)
    if declared.link:
        if declared.link not in connections:
            raise LookupError(f"There is no IPSec connection with the name {declared.link}.")
        dimensions["VpnId"] = connections[declared.link]
    return {
        "AlarmDescription": declared.about,
        "ActionsEnabled": True,
        "AlarmActions": list(declared.topics),
        "OKActions": list(declared.topics),
        "Namespace": declared.namespace,
        "MetricName": declared.metric,
        "Statistic": declared.statistic,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())],
        "Period": declared.period,
        "EvaluationPeriods": declared.periods,
        "DatapointsToAlarm": declared.datapoints,
        "Threshold": declared.threshold,
        "ComparisonOperator": declared.comparison,
        "TreatMissingData": declared.missing,
    }


def compare(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> list[Line]:
    """Every value that the document or CloudWatch's judging depends on; descriptions may differ."""
    return [_line(name, wanted.get(name), live.get(name, _silent(name, live))) for name in _WORDS]


def _silent(name: str, live: Mapping[str, Any]) -> Any:
    return live.get("EvaluationPeriods") if name == "DatapointsToAlarm" else _SILENT.get(name)


def _line(name: str, wanted: Any, live: Any) -> Line:
    return Line(_WORDS[name], _shown(name, wanted), _shown(name, live), _bare(wanted) != _bare(live))


def _bare(value: Any) -> Any:
    """Comparable: order does not matter, nor does 70 or 70.0."""
    if isinstance(value, list):
        return sorted(str(sorted(each.items())) if isinstance(each, dict) else str(each) for each in value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _shown(name: str, value: Any) -> str:
    if value in (None, [], ""):
        return "–"
    match name:
        case "Dimensions":
            return ", ".join(f"{each['Name']} {each['Value']}" for each in value)
        case "Period":
            return f"{value // 60} min" if value % 60 == 0 else f"{value} s"
        case "ComparisonOperator":
            return SIGNS.get(value, str(value))
        case "AlarmActions":
            return ", ".join(each.rpartition(":")[2] for each in value)
        case "ActionsEnabled":
            return "carried out" if value else "switched off"
        case "Threshold":
            return f"{value:g}"
    return str(value)


def condition(definition: Mapping[str, Any], unit: str = "") -> tuple[str, str]:
    """`> 70 %`, and `3 of 3 in 3 min`."""
    if not definition:
        return "–", ""
    periods = int(definition.get("EvaluationPeriods", 1))
    minutes = periods * int(definition.get("Period", 60)) // 60
    sign, threshold = SIGNS.get(definition.get("ComparisonOperator", ""), "?"), float(definition.get("Threshold", 0))
    points = int(definition.get("DatapointsToAlarm") or periods)
    return f"{sign} {threshold:g}{' ' + unit if unit else ''}", f"{points} of {periods} in {minutes} min"


def breaches(definition: Mapping[str, Any], value: float) -> bool:
    threshold = float(definition.get("Threshold", 0))
    return {
        "GreaterThanThreshold": value > threshold,
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "LessThanThreshold": value < threshold,
        "LessThanOrEqualToThreshold": value <= threshold,
    }.get(str(definition.get("ComparisonOperator")), False)


def bad_for(definition: Mapping[str, Any], points: Iterable[tuple[float, float]], now: float) -> int:
    """For how many minutes without a break its newest figures have been such that it would alarm; `points` are of single minutes."""
    newest_first = sorted(((time, value) for time, value in points if time + 60 <= now), reverse=True)
    minutes, expected = 0, newest_first[0][0] if newest_first else 0.0
    for time, value in newest_first:
        if time != expected or not breaches(definition, value):
            break
        minutes, expected = minutes + 1, time - 60
    return minutes


def minutes_to_alarm(definition: Mapping[str, Any]) -> int:
    """How long it has to be bad without a break."""
    return int(definition.get("DatapointsToAlarm") or definition.get("EvaluationPeriods", 1)) * int(definition.get("Period", 60)) // 60
