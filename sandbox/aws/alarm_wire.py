"""The wire of CloudWatch's alarms: paging, history and mute rules, which moto lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import CloudWatchException, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from sandbox.aws import mutes
from sandbox.aws.alarms import HISTORY_KEPT, Item, backend

MOST = 100
LONGEST_WINDOW, LONGEST_OF_HOURS = 86400, 7 * 86400  # seconds that an alarm may look back
PERIODS = (10, 20, 30)


class InvalidNextToken(CloudWatchException):
    code = "InvalidNextToken"


class NoSuchRule(CloudWatchException):
    code = "ResourceNotFoundException"


def _page(self: Any, found: list[Any]) -> tuple[list[Any], str | None]:
    most = int(self._get_param("MaxRecords") or MOST)
    if not 1 <= most <= MOST:
        raise ValidationError(f"Value '{most}' at 'maxRecords' failed to satisfy constraint: Member must be between 1 and {MOST}")
    token = self._get_param("NextToken") or "0"
    if not token.isdigit():
        raise InvalidNextToken("Invalid next token.")
    start = int(token)
    return found[start : start + most], str(start + most) if start + most < len(found) else None


def _put_metric_alarm(self: Any) -> Any:
    period, periods = self._get_param("Period"), int(self._get_param("EvaluationPeriods") or 0)
    if period is not None and int(period) not in PERIODS and (int(period) < 60 or int(period) % 60):
        raise InvalidParameterValue(f"Period must be 10, 20, 30 or a multiple of 60. The value {period} is not supported.")
    if period is not None and int(period) * periods > (LONGEST_OF_HOURS if int(period) >= 3600 else LONGEST_WINDOW):
        raise ValidationError("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
    if (to_alarm := self._get_param("DatapointsToAlarm")) and not 1 <= int(to_alarm) <= periods:
        raise ValidationError("DatapointsToAlarm must be between 1 and EvaluationPeriods.")
    return _original_put(self)


_original_put = CloudWatchResponse.put_metric_alarm


def _describe_alarms(self: Any) -> ActionResult:
    alarms = sorted(backend().alarms.values(), key=lambda alarm: alarm.name)
    names, prefix = self._get_param("AlarmNames", []), self._get_param("AlarmNamePrefix") or ""
    state, action = self._get_param("StateValue"), self._get_param("ActionPrefix")
    if names and prefix:
        raise ValidationError("AlarmNames and AlarmNamePrefix cannot be used together.")
    found = [
        alarm
        for alarm in alarms
        if (not names or alarm.name in names)
        and alarm.name.startswith(prefix)
        and (not state or alarm.state_value == state)
        and (not action or any(each.startswith(action) for each in alarm.alarm_actions))
        and ("CompositeAlarm" if alarm.rule else "MetricAlarm") in self._get_param("AlarmTypes", ["MetricAlarm"])
    ]
    page, token = _page(self, found)
    metric, composite = [alarm for alarm in page if alarm.rule is None], [alarm for alarm in page if alarm.rule is not None]
    return ActionResult({"MetricAlarms": metric, "CompositeAlarms": composite, "NextToken": token})


def _describe_alarm_history(self: Any) -> ActionResult:
    name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
    start, end = _utc(self._get_param("StartDate")), _utc(self._get_param("EndDate"))
    oldest = datetime.now(UTC) - HISTORY_KEPT
    found = [
        item
        for item in list(backend().history)
        if item.at >= oldest
        and (not name or item.alarm == name)
        and (not kind or item.kind == kind)
        and (start is None or item.at >= start)
        and (end is None or item.at <= end)
    ]
    found.sort(key=lambda item: item.at, reverse=self._get_param("ScanBy") != "TimestampAscending")
    page, token = _page(self, found)
    return ActionResult({"AlarmHistoryItems": [_item(item) for item in page], "NextToken": token})


def _item(item: Item) -> dict[str, Any]:
    return {
        "AlarmName": item.alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": item.at,
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary,
        "HistoryData": item.data,
    }


def _put_alarm_mute_rule(self: Any) -> EmptyResult:
    name, rule = self._get_param("Name"), self._get_param("Rule") or {}
    targets = (self._get_param("MuteTargets") or {}).get("AlarmNames", [])
    window = _utc(self._get_param("StartDate")), _utc(self._get_param("ExpireDate"))
    try:
        read = mutes.read(name, self._get_param("Description") or "", rule.get("Schedule") or {}, targets, *window)
    except mutes.NotARule as error:
        raise ValidationError(str(error)) from error
    backend().mutes.rules[name] = read
    return EmptyResult()


def _get_alarm_mute_rule(self: Any) -> ActionResult:
    name = self._get_param("AlarmMuteRuleName")
    rule = backend().mutes.rules.get(name)
    if rule is None:
        raise NoSuchRule(f"The alarm mute rule {name} does not exist.")
    schedule = {"Expression": rule.expression, "Duration": rule.duration_text, "Timezone": rule.zone}
    whole = {"Name": rule.name, "Description": rule.description, "Rule": {"Schedule": schedule}}
    window = {key: value for key, value in (("StartDate", rule.starts), ("ExpireDate", rule.expires)) if value}
    return ActionResult(_summary(rule) | whole | {"MuteTargets": {"AlarmNames": list(rule.targets)}} | window)


def _list_alarm_mute_rules(self: Any) -> ActionResult:
    now, name, statuses = datetime.now(UTC), self._get_param("AlarmName"), self._get_param("Statuses", [])
    rules = sorted(backend().mutes.rules.values(), key=lambda rule: rule.name)
    found = [rule for rule in rules if (not name or name in rule.targets) and (not statuses or rule.status(now) in statuses)]
    page, token = _page(self, found)
    return ActionResult({"AlarmMuteRuleSummaries": [_summary(rule) for rule in page], "NextToken": token})


def _summary(rule: mutes.Mute) -> dict[str, Any]:
    told: dict[str, Any] = {"AlarmMuteRuleArn": rule.arn, "Status": rule.status(datetime.now(UTC)), "LastUpdatedTimestamp": rule.updated}
    return told | {"MuteType": "ONE_TIME" if rule.is_once else "RECURRING"} | ({"ExpireDate": rule.expires} if rule.expires else {})


def _delete_alarm_mute_rule(self: Any) -> EmptyResult:
    backend().mutes.rules.pop(self._get_param("AlarmMuteRuleName"), None)
    return EmptyResult()


def _utc(moment: Any) -> datetime | None:
    if not isinstance(moment, datetime):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def install() -> None:
    """Puts these operations in the place of moto's; before the first request."""
    response: Any = CloudWatchResponse
    response.put_metric_alarm = _put_metric_alarm
    response.describe_alarms = _describe_alarms
    response.describe_alarm_history = _describe_alarm_history
    response.put_alarm_mute_rule = _put_alarm_mute_rule
    response.get_alarm_mute_rule = _get_alarm_mute_rule
    response.list_alarm_mute_rules = _list_alarm_mute_rules
    response.delete_alarm_mute_rule = _delete_alarm_mute_rule
