"""How CloudWatch judges an alarm: M of N, and what missing points are taken for.

Lives here: deciding and its words, from points alone. Which points those are, and what follows, is `alarms`'.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
MISSING, BREACHING, NOT_BREACHING, IGNORE = "missing", "breaching", "notBreaching", "ignore"
BEYOND = 2  # periods that are looked at besides the N

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    comparison: str
    threshold: float
    evaluated: int  # N
    to_alarm: int  # M
    missing: str = MISSING


@dataclass(frozen=True, slots=True)
class Verdict:
    state: str
    reason: str
    used: tuple[float, ...]  # oldest first, as StateReasonData has them


Point = tuple[float, float | None]
"""When a period began, and its figure; None is missing."""


def judge(rule: Rule, points: Sequence[Point], now: str) -> Verdict:
    """`points` are those of the evaluation range, oldest first; `now` is the state so far."""
    breaches = COMPARISONS[rule.comparison][0]
    real = [(time, value) for time, value in points if value is not None][-rule.evaluated :]
    filled = rule.evaluated - len(real)
    over = [point for point in real if breaches(point[1], rule.threshold)]
    state = _state(rule, len(real), len(over), filled, _oldest_breach(points, rule), now)
    return Verdict(state, _reason(rule, real, over, filled, state, now), tuple(value for _, value in real))


def _state(rule: Rule, real: int, over: int, filled: int, age: int, now: str) -> str:
    if rule.missing == BREACHING:
        return ALARM if over + filled >= rule.to_alarm else OK
    if over >= rule.to_alarm:
        return ALARM
    if filled == 0 or rule.missing == NOT_BREACHING:
        return OK
    if over < real:
        return OK
    if rule.missing == IGNORE:
        return now
    if real == 0:
        return UNKNOWN
    return ALARM if age >= rule.to_alarm else now


def _oldest_breach(points: Sequence[Point], rule: Rule) -> int:
    """How many periods ago the oldest point that breaches came, counted from 1; 0 without one."""
    breaches = COMPARISONS[rule.comparison][0]
    for index, (_, value) in enumerate(points):
        if value is not None and breaches(value, rule.threshold):
            return len(points) - index
    return 0


def _reason(rule: Rule, real: Sequence[tuple[float, float]], over: Sequence[tuple[float, float]], filled: int, state: str, now: str) -> str:
    if not real:
        if state == UNKNOWN:
            return f"Insufficient Data: {filled} datapoint{'s were' if filled != 1 else ' was'} unknown."
        taken = "[Breaching]" if rule.missing == BREACHING else "[NonBreaching]"
        return (
            f"Threshold Crossed: no datapoints were received for {rule.evaluated} periods and {filled} missing datapoints "
            f"were treated as {taken}."
        )
    chosen = over if state == ALARM else [point for point in real if point not in over]
    chosen = chosen or list(real)
    listed = ", ".join(f"{float(value)} ({datetime.fromtimestamp(time, UTC):%d/%m/%y %H:%M:%S})" for time, value in reversed(chosen))
    least = rule.to_alarm if state == ALARM else rule.evaluated - rule.to_alarm + 1
    were = "was" if len(chosen) == 1 else "were"
    negated = "" if state == ALARM else "not "
    words = COMPARISONS[rule.comparison][1]
    return (
        f"Threshold Crossed: {len(chosen)} out of the last {rule.evaluated} datapoints [{listed}] {were} {negated}{words} the threshold "
        f"({float(rule.threshold)}) (minimum {least} datapoint{'s' if least != 1 else ''} for {now} -> {state} transition)."
    )
