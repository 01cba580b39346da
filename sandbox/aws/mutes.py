"""CloudWatch's mute rules: for a window the actions of some alarms are not carried out; the alarms themselves go on.

Lives here: the rules, and whether one holds now. One-time windows (`at(…)`) and daily or weekly ones (`cron(m h dom mon dow)`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sandbox.world import ACCOUNT, REGION

SCHEDULED, ACTIVE, EXPIRED = "SCHEDULED", "ACTIVE", "EXPIRED"
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+)\)")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=15)
MOST_TARGETS = 100


class NotARule(Exception):
    """The text says why."""


@dataclass(frozen=True, slots=True)
class Mute:
    name: str
    description: str
    expression: str
    duration: timedelta
    duration_text: str
    zone: str
    targets: tuple[str, ...]
    starts: datetime | None
    expires: datetime | None
    updated: datetime

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm-mute-rule:{self.name}"

    @property
    def is_once(self) -> bool:
        return self.expression.startswith("at(")

    def status(self, now: datetime) -> str:
        if self.is_once:
            begins = self._once()
            if begins <= now < begins + self.duration:
                return ACTIVE
            return SCHEDULED if now < begins else EXPIRED
        if self.expires and now >= self.expires:
            return EXPIRED
        return ACTIVE if self._recurs(now) and not (self.starts and now < self.starts) else SCHEDULED

    def _once(self) -> datetime:
        return datetime.fromisoformat(self.expression[len("at(") : -1]).replace(tzinfo=ZoneInfo(self.zone))

    def _recurs(self, now: datetime) -> bool:
        """Whether a minute of the schedule lies within the duration before now."""
        minute, hour, day, month, weekday = self.expression[len("cron(") : -1].split(" ")
        local = now.astimezone(ZoneInfo(self.zone)).replace(second=0, microsecond=0)
        for back in range(int(self.duration.total_seconds() // 60)):
            then = local - timedelta(minutes=back)
            fields = ((minute, then.minute), (hour, then.hour), (day, then.day), (month, then.month), (weekday, then.isoweekday() % 7))
            if all(_fits(field, value) for field, value in fields):
                return True
        return False


def _fits(field: str, value: int) -> bool:
    return field in ("*", "?") or any(
        int(part.partition("-")[0]) <= value <= int(part.partition("-")[2] or part)
        for part in field.split(",")
        if part.replace("-", "").isdigit()
    )


def read(
    name: str, description: str, schedule: dict[str, str], targets: list[str], starts: datetime | None, expires: datetime | None
) -> Mute:
    """Raises NotARule."""
    expression, duration, zone = schedule.get("Expression", ""), schedule.get("Duration", ""), schedule.get("Timezone") or "UTC"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", name or ""):
        raise NotARule("The name of a mute rule has 1 to 255 letters, digits, dots, hyphens and underscores.")
    if not _AT.fullmatch(expression) and not _CRON.fullmatch(expression):
        raise NotARule(f"The schedule expression '{expression}' is not valid. Use at(yyyy-MM-ddThh:mm) or cron(m h dom mon dow).")
    found = _DURATION.fullmatch(duration)
    length = timedelta(days=int(found[1] or 0), hours=int(found[2] or 0), minutes=int(found[3] or 0)) if found else timedelta()
    if not _SHORTEST <= length <= _LONGEST:
        raise NotARule(f"The duration '{duration}' is not between PT1M and P15D.")
    if len(targets) > MOST_TARGETS:
        raise NotARule(f"A mute rule has at most {MOST_TARGETS} alarms.")
    try:
        ZoneInfo(zone)
        _AT.fullmatch(expression) and datetime.fromisoformat(expression[3:-1])
    except (ValueError, KeyError, OSError) as error:
        raise NotARule(f"The schedule is not valid: {error}") from error
    return Mute(name, description, expression, length, duration, zone, tuple(targets), starts, expires, datetime.now(UTC))


class Mutes:
    def __init__(self) -> None:
        self.rules: dict[str, Mute] = {}

    def silence(self, alarm: str, now: datetime) -> bool:
        return any(alarm in rule.targets and rule.status(now) == ACTIVE for rule in list(self.rules.values()))
