"""CloudWatch's answer as a browser draws it: each line on an even grid of times, a gap as null, compressed once for all viewers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monitoring.dashboards.definition import Dashboard, Line, Widget
from monitoring.dashboards.queries import Request
from monitoring.dashboards.spans import Span
from monitoring.dashboards.units import is_zero_when_absent
from remote.aws.metrics import Query, Series

Answered = Sequence[tuple[Request, Sequence[Series]]]


def packed(dashboard: Dashboard, span: Span, now: datetime, answered: Answered) -> bytes:
    return gzip.compress(json.dumps(figures(dashboard, span, now, answered), separators=(",", ":")).encode(), compresslevel=5, mtime=0)


def unpacked(figures: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(figures))
    return found


def figures(dashboard: Dashboard, span: Span, now: datetime, answered: Answered) -> dict[str, Any]:
    """Times in seconds since 1970. `lines` in the order of the dashboard; a search has several lines of the same key."""
    start, end = span.bounds(now)
    newest = max((points[-1][0].timestamp() for _, found in answered for each in found if (points := each.points)), default=0.0)
    by_key: dict[str, list[tuple[Request, Series]]] = {}
    for request, found in answered:
        for each in found:
            by_key.setdefault(each.id, []).append((request, each))
    lines = [
        _line(widget, line, request, each, newest)
        for widget in dashboard.widgets
        for line in widget.shown
        for request, each in by_key.get(line.key, ())
    ]
    return {"from": int(start.timestamp()), "to": int(end.timestamp()), "made": int(now.timestamp()), "lines": lines}


def _line(widget: Widget, line: Line, request: Request, series: Series, newest: float) -> dict[str, Any]:
    step = _period(request, line.key)
    begin = int(request.start.timestamp()) // step * step
    if series.points:
        begin = min(begin, int(series.points[0][0].timestamp()))
        begin = int(series.points[0][0].timestamp()) - (int(series.points[0][0].timestamp()) - begin) // step * step
    many = max(0, int((request.end.timestamp() - begin - 1) // step) + 1)
    values: list[float | int | None] = [None] * many
    for time, value in series.points:
        place = int((time.timestamp() - begin) // step)
        if 0 <= place < many:
            values[place] = _short(value)
    if is_zero_when_absent(line) and not series.said:
        whole = max(0, min(many, int((newest - begin) // step) + 1))
        values[:whole] = [0 if value is None else value for value in values[:whole]]
    found: dict[str, Any] = {"key": line.key, "widget": widget.key, "step": step, "start": begin, "values": values}
    if line.is_expression and series.label and series.label != line.key:
        found["label"] = series.label
    if series.said:
        found["said"] = series.said
    return found


def _period(request: Request, key: str) -> int:
    """A calculation is as fine as the finest that it may be made of."""
    mine = next((query for query in request.queries if query.id == key), None)
    if isinstance(mine, Query):
        return mine.period
    widget = key.partition("_")[0] + "_"
    return min(
        (query.period for query in request.queries if isinstance(query, Query) and query.id.startswith(widget)),
        default=mine.period if mine else 60,
    )


def _short(value: float) -> float | int:
    """Five significant digits: more than a chart shows, less than a float prints."""
    short = float(f"{value:.5g}")
    return int(short) if short.is_integer() else short


def values_of(found: Mapping[str, Any]) -> list[tuple[int, float | None]]:
    """(time, value) of one line of `figures`."""
    return [(found["start"] + place * found["step"], value) for place, value in enumerate(found["values"])]
