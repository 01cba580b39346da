"""CloudWatch's alarms, their history and their mute rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remote.aws.session import ask, ask_all, tell
from remote.errors import NotFound

TYPES = ["MetricAlarm"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """`definition` has PutMetricAlarm's own names, without what nobody has set."""

    name: str
    definition: Mapping[str, Any]
    state: str
    reason: str
    since: datetime
    changed: datetime  # when the definition was


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the history; `data` is CloudWatch's JSON."""

    alarm: str
    kind: str  # StateUpdate, ConfigurationUpdate or Action
    at: datetime
    summary: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mute:
    name: str
    status: str  # SCHEDULED, ACTIVE or EXPIRED
    expression: str
    duration: str
    zone: str
    alarms: tuple[str, ...]


DEFINITION = (
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def alarms(names: Sequence[str] = ()) -> list[Alarm]:
    """All metric alarms, or those of these names."""
    wanted: dict[str, Any] = {"AlarmNames": list(names)} if names else {}
    return [_alarm(found) for found in ask_all("cloudwatch", "describe_alarms", "MetricAlarms", AlarmTypes=TYPES, **wanted)]


def history(since: datetime) -> Iterator[Item]:
    """Oldest first, of every alarm, in as many pages as it takes. CloudWatch keeps 30 days."""
    found = ask_all(
        "cloudwatch", "describe_alarm_history", "AlarmHistoryItems", StartDate=since, ScanBy="TimestampAscending", AlarmTypes=TYPES
    )
    for item in found:
        data = item.get("HistoryData") or "{}"
        yield Item(item["AlarmName"], item["HistoryItemType"], item["Timestamp"], item["HistorySummary"], _read(data))


def put(name: str, definition: Mapping[str, Any]) -> None:
    tell("cloudwatch", "put_metric_alarm", AlarmName=name, **definition)


def mute(name: str, alarms: Sequence[str], *, expression: str, duration: str, description: str) -> None:
    """`expression` is at(…) in UTC, `duration` ISO 8601. The same name again replaces the rule."""
    rule = {"Schedule": {"Expression": expression, "Duration": duration, "Timezone": "UTC"}}
    tell("cloudwatch", "put_alarm_mute_rule", Name=name, Description=description, Rule=rule, MuteTargets={"AlarmNames": list(alarms)})


def mute_named(name: str) -> Mute | None:
    try:
        found = ask("cloudwatch", "get_alarm_mute_rule", AlarmMuteRuleName=name)
    except NotFound:
        return None
    schedule = found.get("Rule", {}).get("Schedule", {})
    targets = found.get("MuteTargets", {}).get("AlarmNames", [])
    zone = schedule.get("Timezone", "UTC")
    return Mute(name, found["Status"], schedule.get("Expression", ""), schedule.get("Duration", ""), zone, tuple(targets))


def mutes() -> list[Mute]:
    """Those that are active or will be."""
    found = ask_all("cloudwatch", "list_alarm_mute_rules", "AlarmMuteRuleSummaries", Statuses=["ACTIVE", "SCHEDULED"])
    named = [mute_named(each["AlarmMuteRuleArn"].partition(":alarm-mute-rule:")[2]) for each in found]
    return [each for each in named if each is not None]


def unmute(name: str) -> None:
    """None of that name is none less."""
    tell("cloudwatch", "delete_alarm_mute_rule", AlarmMuteRuleName=name)


def _alarm(found: Mapping[str, Any]) -> Alarm:
    definition = {name: found[name] for name in DEFINITION if found.get(name) not in (None, [], "")}
    return Alarm(
        found["AlarmName"],
        definition | {"ActionsEnabled": found.get("ActionsEnabled", True)},
        found["StateValue"],
        found.get("StateReason", ""),
        found["StateUpdatedTimestamp"],
        found["AlarmConfigurationUpdatedTimestamp"],
    )


def _read(text: str) -> Mapping[str, Any]:
    """CloudWatch cuts it at 4095 characters, in the middle of anything."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"cut": text}
    return found if isinstance(found, dict) else {"value": found}
