"""CloudWatch's alarms: evaluated from the figures each minute, with their history and the actions that follow.

Lives here: moto's alarms extended by evaluation, history and mute rules. Judging stands in `alarm_rules`, the wire in `alarm_wire`,
what an action does in `topics`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from moto.cloudwatch import models

from sandbox.aws import alarm_rules, cloudwatch, mutes
from sandbox.aws.alarm_rules import UNKNOWN, Rule, Verdict
from sandbox.world import ACCOUNT, REGION

HISTORY_KEPT = timedelta(days=30)
CONFIGURATION, STATE, ACTION = "ConfigurationUpdate", "StateUpdate", "Action"
REGION_NAMES = {"eu-west-3": "EU (Paris)"}

Act = Callable[[str, str, str], str]
"""(resource, subject, message) -> why it failed, or nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an alarm's history."""

    alarm: str
    kind: str
    at: datetime
    summary: str
    data: str


class Alarms(cloudwatch.CloudWatch):
    act: Act = staticmethod(lambda resource, subject, message: "")

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.history: list[Item] = []
        self.mutes = mutes.Mutes()
        self.alarm_lock = threading.RLock()

    # What is asked for.

    def put_metric_alarm(self, **asked: Any) -> models.Alarm:  # type: ignore[override]
        with self.alarm_lock:
            before = self.alarms.get(asked["name"])
            alarm = super().put_metric_alarm(**asked)
            alarm.state_value, alarm.configuration_updated_timestamp = UNKNOWN, _now()
            if before is not None:
                for name in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp"):
                    setattr(alarm, name, getattr(before, name))
            self.configured(alarm, _now(), before)
            return alarm

    def delete_alarms(self, alarm_names: list[str]) -> None:
        with self.alarm_lock:
            for name in alarm_names:
                if alarm := self.alarms.get(name):
                    data = {"version": "1.0", "type": "Delete", "deletedAlarm": described(alarm)}
                    self._note(name, CONFIGURATION, _now(), f'Alarm "{name}" deleted', data)
            super().delete_alarms(alarm_names)

    def enable_alarm_actions(self, alarm_names: list[str]) -> None:
        self._switch_actions(alarm_names, on=True)

    def disable_alarm_actions(self, alarm_names: list[str]) -> None:
        self._switch_actions(alarm_names, on=False)

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Lasts until the next evaluation finds otherwise."""
        with self.alarm_lock:
            before = self.alarms.get(alarm_name)
            kept = (before.state_value, before.state_reason, before.state_reason_data) if before else None
            super().set_alarm_state(alarm_name, reason, reason_data, state_value)
            alarm = self.alarms[alarm_name]
            if kept is None or kept[0] == state_value:
                return
            alarm.state_value, alarm.state_reason, alarm.state_reason_data = kept
            self.change(alarm, state_value, reason, json.loads(reason_data) if reason_data else None, _now())

    def _switch_actions(self, names: list[str], *, on: bool) -> None:
        with self.alarm_lock:
            for name in names:
                alarm = self.alarms.get(name)
                if alarm is not None and alarm.actions_enabled is not on:
                    before = described(alarm)
                    alarm.actions_enabled = on
                    self.note_update(alarm, before, _now())

    # What follows from the figures.

    def evaluate(self, at: datetime | None = None) -> None:
        """Every alarm, as of that moment."""
        for name in list(self.alarms):
            with self.alarm_lock:
                if (alarm := self.alarms.get(name)) and alarm.metric_name:
                    self.evaluate_one(alarm, at or _now())

    def evaluate_one(self, alarm: models.Alarm, at: datetime, *, act: bool = True) -> None:
        verdict, window = self.judged(alarm, at)
        if verdict.state != alarm.state_value:
            self.change(alarm, verdict.state, verdict.reason, _reason_data(alarm, verdict, at, window), at, act=act)

    def judged(self, alarm: models.Alarm, at: datetime) -> tuple[Verdict, float]:
        """The verdict, and when the periods that were judged began. Whole periods only, aligned to the minute."""
        period, evaluated = int(alarm.period), int(alarm.evaluation_periods)
        end = at.timestamp() // 60 * 60
        start = end - (evaluated + alarm_rules.BEYOND) * period
        wanted = cloudwatch.key(alarm.namespace, alarm.metric_name, {d.name or "": d.value or "" for d in alarm.dimensions})
        figures = self.windows(wanted, start, end, period)
        statistic = alarm.extended_statistic or alarm.statistic
        points = [(time, cloudwatch.statistic_of(statistic, values) if values else None) for time, values in figures]
        return alarm_rules.judge(rule_of(alarm), points, alarm.state_value), end - evaluated * period

    def windows(self, wanted: cloudwatch.Key, start: float, end: float, period: int) -> list[tuple[float, list[float]]]:
        """The values of consecutive periods that begin at `start`, wherever that lies in the hour."""
        with self.lock:
            series = self.series.get(wanted)
            minutes = series.periods(start, end, 60) if series else {}
        found: list[tuple[float, list[float]]] = []
        moment = start
        while moment < end:
            found.append((moment, [value for n in range(period // 60) for value in minutes.get(int(moment) + n * 60, ())]))
            moment += period
        return found

    def change(
        self, alarm: models.Alarm, state: str, reason: str, data: Mapping[str, Any] | None, at: datetime, *, act: bool = True
    ) -> None:
        """A change of state: written down, and acted on where actions are on and not muted."""
        old = {"stateValue": alarm.state_value, "stateReason": alarm.state_reason} | _parsed(alarm.state_reason_data)
        new = {"stateValue": state, "stateReason": reason} | ({"stateReasonData": data} if data else {})
        before = alarm.state_value
        alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp = state, reason, at
        alarm.state_reason_data = json.dumps(data or {})
        content = {"version": "1.0", "oldState": old, "newState": new}
        self._note(alarm.name, STATE, at, f"Alarm updated from {before} to {state}", content)
        actions = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}.get(state, alarm.insufficient_data_actions)
        if alarm.actions_enabled and not self.mutes.silence(alarm.name, at):
            for resource in actions:
                self._act(alarm, resource, before, at, act=act)

    def _act(self, alarm: models.Alarm, resource: str, before: str, at: datetime, *, act: bool) -> None:
        subject = f'{alarm.state_value}: "{alarm.name}" in {REGION_NAMES[REGION]}'
        failed = self.act(resource, subject, json.dumps(notification(alarm, before, at))) if act else ""
        said = f'Failed to execute action {resource}. Received error: "{failed}"' if failed else f"Successfully executed action {resource}"
        data = {"actionState": "Failed" if failed else "Succeeded", "notificationResource": resource, "stateUpdateTimestamp": _ms(at)}
        self._note(alarm.name, ACTION, at + timedelta(milliseconds=40), said, data | ({"error": failed} if failed else {}))

    def configured(self, alarm: models.Alarm, at: datetime, before: models.Alarm | None) -> None:
        if before is None:
            data = {"version": "1.0", "type": "Create", "createdAlarm": described(alarm)}
            self._note(alarm.name, CONFIGURATION, at, f'Alarm "{alarm.name}" created', data)
        else:
            self.note_update(alarm, described(before), at)

    def note_update(self, alarm: models.Alarm, before: Mapping[str, Any], at: datetime) -> None:
        data = {"version": "1.0", "type": "Update", "originalUpdatedFields": {}, "updatedAlarm": described(alarm)}
        data["originalUpdatedFields"] = {name: value for name, value in before.items() if described(alarm).get(name) != value}
        self._note(alarm.name, CONFIGURATION, at, f'Alarm "{alarm.name}" updated', data)

    def _note(self, name: str, kind: str, at: datetime, summary: str, data: Mapping[str, Any]) -> None:
        oldest = _now() - HISTORY_KEPT
        while self.history and self.history[0].at < oldest:
            self.history.pop(0)
        self.history.append(Item(name, kind, at, summary[:255], json.dumps(data)[:4095]))


class Watch:
    """With each point that is written: has a minute gone by since the alarms were judged?"""

    def __init__(self, record: Callable[[], None]) -> None:
        self._record, self._judged = record, 0

    def beat(self) -> None:
        self._record()
        minute = int(_now().timestamp() // 60)
        if minute != self._judged:
            self._judged = minute
            backend().evaluate()


def rule_of(alarm: models.Alarm) -> Rule:
    evaluated = int(alarm.evaluation_periods)
    to_alarm = int(alarm.datapoints_to_alarm or evaluated)
    return Rule(alarm.comparison_operator, float(alarm.threshold), evaluated, to_alarm, alarm.treat_missing_data or alarm_rules.MISSING)


def described(alarm: models.Alarm) -> dict[str, Any]:
    """In the letters that HistoryData uses."""
    return {
        "alarmName": alarm.name,
        "alarmArn": alarm.alarm_arn,
        "alarmDescription": alarm.description,
        "actionsEnabled": alarm.actions_enabled,
        "okActions": alarm.ok_actions,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_data_actions,
        "namespace": alarm.namespace,
        "metricName": alarm.metric_name,
        "dimensions": [{"name": d.name, "value": d.value} for d in alarm.dimensions],
        "statistic": (alarm.statistic or "").upper(),
        "period": alarm.period,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "threshold": alarm.threshold,
        "comparisonOperator": alarm.comparison_operator,
        "treatMissingData": alarm.treat_missing_data,
    }


def notification(alarm: models.Alarm, before: str, at: datetime) -> dict[str, Any]:
    """The message that CloudWatch hands to SNS."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": _ms(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": _ms(at),
        "Region": REGION_NAMES[REGION],
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": before,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "StatisticType": "Statistic",
            "Statistic": (alarm.statistic or "").upper(),
            "Unit": alarm.unit,
            "Dimensions": [{"value": d.value, "name": d.name} for d in alarm.dimensions],
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "DatapointsToAlarm": alarm.datapoints_to_alarm,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.treat_missing_data or "",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def _reason_data(alarm: models.Alarm, verdict: Verdict, at: datetime, start: float) -> dict[str, Any]:
    return {
        "version": "1.0",
        "queryDate": _ms(at),
        "startDate": _ms(datetime.fromtimestamp(start, UTC)),
        "statistic": alarm.statistic,
        "period": int(alarm.period),
        "recentDatapoints": list(verdict.used),
        "threshold": float(alarm.threshold),
    }


def _parsed(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    return {"stateReasonData": found} if found else {}


def _ms(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{aware:%Y-%m-%dT%H:%M:%S}.{aware.microsecond // 1000:03d}+0000"


def _now() -> datetime:
    return datetime.now(UTC)


def backend() -> Alarms:
    return cast(Alarms, models.cloudwatch_backends[ACCOUNT][REGION])


def install() -> None:
    """Puts this back end in the place of moto's; before the first request."""
    models.cloudwatch_backends.backend = Alarms
