"""What CloudWatch is asked for a dashboard: every line of every widget in one call, as long as one call holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.dashboards.definition import Dashboard, Line, Widget
from monitoring.dashboards.spans import MOST_POINTS, Span, least_period
from remote.aws.metrics import MOST_QUERIES, Calculation, Query, Series, answers
from remote.aws.session import Patience

NUMBERS_BACK = 3  # periods: the last whole one, the running one, and one that comes late
_FAR = 4 * 3600  # seconds: numbers that look further back are asked by themselves, so that charts stay fine
_PATIENCE = Patience(connect=3.0, read=20.0)


@dataclass(frozen=True, slots=True)
class Request:
    """One call."""

    queries: tuple[Query | Calculation, ...]
    start: datetime
    end: datetime

    def send(self) -> list[Series]:
        return answers(self.queries, self.start, self.end, patience=_PATIENCE)


def requests(dashboard: Dashboard, span: Span, now: datetime) -> list[Request]:
    """One, unless the dashboard has more than 500 metrics, more points than a call may ask, or numbers of far longer periods."""
    start, end = span.bounds(now)
    numbers = [widget for widget in dashboard.widgets if widget.is_number]
    near = [widget for widget in numbers if _back(widget) <= max(_FAR, span.seconds)]
    far = [widget for widget in numbers if widget not in near]
    charts = [widget for widget in dashboard.widgets if not widget.is_number and widget.lines]
    first = min([start, *(end - timedelta(seconds=_back(widget)) for widget in near)])
    made = _split([*charts, *near], first, end, now)
    for widget in far:
        made += _split([widget], end - timedelta(seconds=_back(widget)), end, now)
    return made


def period_of(line: Line, widget: Widget, least: int) -> int:
    """A number keeps its period: it is what it says. A line along the axis is as fine as the span allows, and never finer than written."""
    if widget.is_number:
        return line.period
    return line.period if line.period >= least else least


def _back(widget: Widget) -> int:
    return NUMBERS_BACK * max(line.period for line in widget.lines)


def _split(widgets: Sequence[Widget], start: datetime, end: datetime, now: datetime) -> list[Request]:
    """Widgets stay together: their expressions speak of their own lines."""
    if not widgets:
        return []
    seconds, age = (end - start).total_seconds(), (now - start).total_seconds()
    lines = sum(len(widget.lines) for widget in widgets)
    least = least_period(seconds, age, min(lines, MOST_QUERIES))
    start = datetime.fromtimestamp(start.timestamp() // least * least, start.tzinfo)
    made: list[Request] = []
    queries: list[Query | Calculation] = []
    points = 0.0
    for widget in widgets:
        mine = _of_widget(widget, least)
        more = sum((end - start).total_seconds() / query.period for query in mine if isinstance(query, Query))
        if queries and (len(queries) + len(mine) > MOST_QUERIES or points + more > MOST_POINTS):
            made.append(Request(tuple(queries), start, end))
            queries, points = [], 0.0
        queries += mine[:MOST_QUERIES]
        points += more
    return [*made, Request(tuple(queries), start, end)]


def _of_widget(widget: Widget, least: int) -> list[Query | Calculation]:
    return [
        Calculation(line.key, line.expression, period_of(line, widget, least), returned=line.visible)
        if line.is_expression
        else Query(
            line.key,
            line.namespace,
            line.metric,
            line.dimensions,
            line.statistic,
            period_of(line, widget, least),
            returned=line.visible,
        )
        for line in widget.lines
    ]
