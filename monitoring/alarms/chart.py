"""The small graph of one alarm: its newest figures, the threshold, the points that decided. Lines and circles in percent; no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.alarms import declared
from monitoring.alarms.models import Alarm, Transition

WINDOW = timedelta(hours=1)
BROKEN = 150.0  # seconds without a point after which the line has a gap
TICKS = 6


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    over: bool
    decided: bool
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`lines` are x1, y1, x2, y2; everything in percent, y from above."""

    dots: tuple[Dot, ...]
    lines: tuple[tuple[float, float, float, float], ...]
    threshold: float
    threshold_y: float
    changed_x: float | None
    ticks: tuple[tuple[float, datetime], ...]
    levels: tuple[tuple[float, float], ...]  # y, value
    newest: Dot | None

    @property
    def said(self) -> str:
        """For those who cannot see it."""
        if not self.dots:
            return "No figures in this hour."
        over = sum(dot.over for dot in self.dots)
        values = [dot.value for dot in self.dots]
        spread = f"from {min(values):g} to {max(values):g}"
        return f"{len(self.dots)} figures in the last hour, {spread}; {over} beyond the threshold of {self.threshold:g}."


def chart(alarm: Alarm, last: Transition | None, now: datetime) -> Chart:
    end, begins = now.timestamp(), (now - WINDOW).timestamp()
    points = [(time, value) for time, value in alarm.points if begins <= time <= end]
    threshold = float(alarm.definition.get("Threshold", 0))
    low, high = _range([value for _, value in points], threshold)

    def x(time: float) -> float:
        return round(100 * (time - begins) / (end - begins), 2)

    def y(value: float) -> float:
        return round(90 - 80 * (value - low) / (high - low), 2)

    decided = _decided(last)
    dots = tuple(
        Dot(x(time), y(value), declared.breaches(alarm.definition, value), _in(decided, time), datetime.fromtimestamp(time, UTC), value)
        for time, value in points
    )
    near = [(a, b) for (a, ta), (b, tb) in zip(_timed(dots, points), _timed(dots, points)[1:], strict=False) if tb - ta <= BROKEN]
    ticks = tuple((x(begins + step), datetime.fromtimestamp(begins + step, UTC)) for step in range(600, 3600, 3600 // TICKS))
    changed = x(alarm.since.timestamp()) if begins <= alarm.since.timestamp() <= end else None
    return Chart(
        dots=dots,
        lines=tuple((a.x, a.y, b.x, b.y) for a, b in near),
        threshold=threshold,
        threshold_y=y(threshold),
        changed_x=changed,
        ticks=ticks,
        levels=((y(low), low), (y(high), high)),
        newest=dots[-1] if dots else None,
    )


def _timed(dots: Sequence[Dot], points: Sequence[tuple[float, float]]) -> list[tuple[Dot, float]]:
    return [(dot, time) for dot, (time, _) in zip(dots, points, strict=True)]


def _range(values: Sequence[float], threshold: float) -> tuple[float, float]:
    low, high = min([0.0, threshold, *values]), max([threshold, *values])
    return low, high * 1.15 if high > low else low + 1.0


def _decided(last: Transition | None) -> tuple[float, float]:
    """From when to when the periods lay that the last change was decided by."""
    data: Mapping[str, Any] = last.data.get("newState", {}).get("stateReasonData", {}) if last is not None else {}
    try:
        begins, asked = (datetime.strptime(data[name], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() for name in ("startDate", "queryDate"))
    except (KeyError, TypeError, ValueError):
        return 0.0, 0.0
    return begins, asked


def _in(window: tuple[float, float], time: float) -> bool:
    return window[0] <= time < window[1] // 60 * 60
