"""The small plans about alarms: applying a declaration, muting for a window, ending a mute, subscribing the console."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from estate.definition import DeclaredAlarm
from monitoring.alarms import declared
from runs.plan import Act, Plan, Step

GROUP, ENVIRONMENT, SERVICE = "alarms", "shared", "alarms"
CHANGE, MUTE = "alarm", "mute"
SECONDS = 3.0
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


def apply(alarm: DeclaredAlarm, definition: Mapping[str, Any], before: Mapping[str, Any]) -> Plan:
    lines = declared.compare(definition, before) if before else []
    facts = {"alarm": alarm.name, "before": dict(before), "changes": [[x.name, x.live, x.declared] for x in lines if x.differs]}
    act = Act(
        "cloudwatch.alarm",
        "alarm",
        "CloudWatch",
        _words("put-metric-alarm", alarm.name),
        params={"name": alarm.name, "definition": definition},
    )
    title = f"Apply the declaration of {alarm.name}"
    return _plan(CHANGE, title, Step("alarm", title, (act,), where="CloudWatch", seconds=SECONDS), facts)


def mute(alarms: Sequence[str], begins: datetime, minutes: int, why: str) -> Plan:
    name = f"ops-console-{uuid.uuid4().hex[:12]}"
    params = {"name": name, "alarms": list(alarms), "expression": f"at({begins:%Y-%m-%dT%H:%M})", "duration": duration(minutes)}
    argv = (*_words("put-alarm-mute-rule", name), str(params["expression"]), str(params["duration"]), *alarms)
    act = Act("cloudwatch.mute", "mute", "CloudWatch", argv, params=params | {"description": why[:200]})
    title = f"Mute {alarms[0] if len(alarms) == 1 else f'{len(alarms)} alarms'} for {minutes} min"
    step = Step("mute", title, (act,), "Alarms go on and are recorded; nobody is told meanwhile.", "CloudWatch", SECONDS)
    return _plan(MUTE, title, step, {"alarms": list(alarms), "ends": (begins + timedelta(minutes=minutes)).isoformat(), "why": why})


def unmute(name: str, alarms: Sequence[str]) -> Plan:
    act = Act("cloudwatch.unmute", "unmute", "CloudWatch", _words("delete-alarm-mute-rule", name), params={"name": name})
    title = f"End the mute of {', '.join(alarms) or name}"
    return _plan(MUTE, title, Step("unmute", title[:110], (act,), where="CloudWatch", seconds=SECONDS), {"alarms": list(alarms)})


def subscribe(topic: str, endpoint: str) -> Plan:
    protocol = endpoint.partition(":")[0]
    params = {"topic": topic, "protocol": protocol, "endpoint": endpoint}
    act = Act("sns.subscribe", "subscribe", "SNS", ("sns", "subscribe", topic, protocol, endpoint), params=params)
    title = f"Subscribe the console to {topic.rpartition(':')[2]}"
    step = Step("subscribe", title, (act,), "SNS sends a token here, which is sent back.", "SNS", SECONDS)
    return _plan(CHANGE, title, step, {"topic": topic})


def duration(minutes: int) -> str:
    """ISO 8601: 90 is PT1H30M."""
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


def length(duration: str) -> timedelta:
    """The other way; what is no such duration lasts no time."""
    found = _DURATION.fullmatch(duration)
    return timedelta(days=int(found[1] or 0), hours=int(found[2] or 0), minutes=int(found[3] or 0)) if found else timedelta()


def _words(operation: str, name: str) -> tuple[str, ...]:
    return ("cloudwatch", operation, name)


def _plan(kind: str, title: str, step: Step, facts: Mapping[str, Any]) -> Plan:
    return Plan(kind, title, SERVICE, ENVIRONMENT, GROUP, (step,), facts)
