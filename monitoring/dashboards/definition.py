"""A dashboard as values: widgets, and in them the lines to draw. Made by `body` from CloudWatch's JSON; nothing here knows that JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """One metric or one expression. `key` is its id in the request to CloudWatch, the same in every reading of the same dashboard.

    `period` is in seconds, 0 where the widget's time span is one period. A line that is not `visible` only feeds expressions.
    """

    key: str
    label: str
    namespace: str = ""
    metric: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Average"
    period: int = 300
    expression: str = ""
    visible: bool = True
    right: bool = False  # on the axis at the right
    colour: str = ""
    named: bool = False  # somebody wrote its label
    translated_from: str = ""  # the name that stands in CloudWatch, where it is another one

    @property
    def is_expression(self) -> bool:
        return bool(self.expression)


@dataclass(frozen=True, slots=True)
class Axis:
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the chart: at a value, or at a time (ISO text). `until` makes it a band."""

    label: str
    value: float | None = None
    until: float | None = None
    time: str = ""
    time_until: str = ""
    fill: str = "none"
    right: bool = False


@dataclass(frozen=True, slots=True)
class Widget:
    """`kind`: metric, text, alarm, or other for what is not drawn; `said` has a sentence for each thing that is not as in CloudWatch."""

    key: str
    kind: str
    title: str
    x: int = 0
    y: int = 0
    width: int = 6
    height: int = 6
    view: str = "timeSeries"
    stacked: bool = False
    period: int = 300
    statistic: str = "Average"
    lines: tuple[Line, ...] = ()
    left: Axis = Axis()
    right: Axis = Axis()
    marks: tuple[Mark, ...] = ()
    markdown: str = ""
    alarms: tuple[str, ...] = ()  # names
    said: tuple[str, ...] = ()

    @property
    def shown(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.visible)

    @property
    def is_translated(self) -> bool:
        return any(line.translated_from for line in self.lines)

    @property
    def is_chart(self) -> bool:
        """Drawn along the time axis."""
        return self.kind == "metric" and self.view == "timeSeries" and bool(self.shown)

    @property
    def is_number(self) -> bool:
        return self.kind == "metric" and self.view in ("singleValue", "gauge", "bar", "table") and bool(self.shown)


@dataclass(frozen=True, slots=True)
class Dashboard:
    name: str
    widgets: tuple[Widget, ...]
    said: tuple[str, ...] = ()  # about the whole

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for widget in self.widgets for line in widget.lines)
