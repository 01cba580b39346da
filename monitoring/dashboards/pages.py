"""What the pages about dashboards show, as values. Nothing here changes anything, and nothing asks CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from estate.models import Host, Watched
from estate.reading import current
from monitoring.dashboards import beside, document, lanes, text, watching
from monitoring.dashboards.definition import Axis, Dashboard, Line, Mark, Widget
from monitoring.dashboards.figures import values_of
from monitoring.dashboards.models import StoredDashboard, Window
from monitoring.dashboards.spans import RELATIVE, Span
from monitoring.dashboards.units import unit

MOST_ROWS = 1_500  # of the table behind a chart
HEALTH = "EnvironmentHealth"
_LEGIBLE = 8  # characters
_AROUND = (timedelta(minutes=30), timedelta(minutes=60))  # what is shown before and after a release


@dataclass(frozen=True, slots=True)
class Chosen:
    """A time span that can be chosen."""

    key: str
    words: str
    current: bool


def dashboard_page(row: StoredDashboard, dashboard: Dashboard, span: Span, *, said: str, wall: bool) -> dict[str, Any]:
    known = StoredDashboard.objects.filter(gone=None).values_list("name", flat=True)
    production = document.production()
    release = beside.last_release()
    charts = [widget for widget in dashboard.widgets if widget.is_chart or _has_bands(widget)]
    hosts = dict(Host.objects.values_list("instance_id", "name"))
    is_production = production is not None and production.name == row.name
    return {
        "row": row,
        "environment": next((each for each in current().environments.values() if each.confirm and is_production), None),
        "dashboard": dashboard,
        "span": span,
        "said": said,
        "wall": wall,
        "names": list(known),
        "spans": [Chosen(key, words, key == span.key) for key, (words, _, _) in RELATIVE.items()],
        "numbers": [
            (widget, tuple(zip(widget.shown, short_labels(widget.shown, hosts), strict=True)))
            for widget in dashboard.widgets
            if widget.is_number and not _only_bands(widget)
        ],
        "charts": charts,
        "texts": [text.html(widget.markdown) for widget in dashboard.widgets if widget.kind == "text"],
        "alarms": [widget for widget in dashboard.widgets if widget.kind == "alarm" and widget.alarms],
        "others": [widget for widget in dashboard.widgets if widget.kind == "other" or (widget.said and not widget.shown)],
        "compared": document.compared(dashboard) if is_production else (),
        "around": _around(release),
        "drawing": {"widgets": [_drawing(widget, hosts) for widget in dashboard.widgets if widget.shown], "span": span.key},
        "watched": watched_definitions(),
    }


def watched_definitions() -> Watched | None:
    return Watched.objects.filter(name=watching.DEFINITIONS).first()


def trouble(window: Window) -> str:
    """Why the figures are old; empty where nothing is wrong."""
    return Watched.objects.filter(name=watching.row_of(window)).values_list("error", flat=True).first() or ""


def happened(row: StoredDashboard, span: Span, now: datetime) -> dict[str, Any]:
    start, end = span.bounds(now)
    window = Window.objects.filter(dashboard=row.name, span=span.key).defer("figures").first()
    definitions = watched_definitions()
    said = [trouble(window)] if window else []
    if definitions is not None and definitions.error:
        said.append(f"The dashboards of CloudWatch cannot be read: {definitions.error}")
    if row.gone:
        said.append("CloudWatch no longer has this dashboard: this is what it was.")
    return {
        "changes": [each.to_json() for each in beside.changes(start, end)],
        "alarms": [each.to_json() for each in lanes.lanes(start, end)],
        "said": list(filter(None, said)),
    }


def rows(widget: Widget, figures: Mapping[str, Any]) -> tuple[list[str], list[tuple[datetime, list[float | None]]]]:
    """The labels of a widget's lines, and for each time its values, oldest first."""
    lines = {line.key: line for line in widget.shown}
    found = [raw for raw in figures["lines"] if raw["key"] in lines]
    shorts = dict(zip(lines, short_labels(widget.shown, dict(Host.objects.values_list("instance_id", "name"))), strict=True))
    labels = [_titled(lines[raw["key"]], raw.get("label") or shorts[raw["key"]]) for raw in found]
    table: dict[int, list[float | None]] = {}
    for place, raw in enumerate(found):
        for time, value in values_of(raw):
            table.setdefault(time, [None] * len(found))[place] = value
    return labels, [(datetime.fromtimestamp(time, UTC), values) for time, values in sorted(table.items())]


def short_labels(lines: Sequence[Line], hosts: Mapping[str, str]) -> list[str]:
    """What tells the lines of one widget apart, and no more; a label that somebody wrote stays. Hosts go by their names."""
    words = [[_old_name(line) or line.metric, *line.dimensions.values(), line.statistic] for line in lines]
    apart = [[word for word in mine if any(word not in others for others in words)] or mine[:1] for mine in words]
    for many in range(1, max(map(len, apart), default=0) + 1):
        found = [
            line.label if line.named or not line.metric else " ".join(_short(hosts.get(word, word)) for word in mine[:many])
            for line, mine in zip(lines, apart, strict=True)
        ]
        if len(set(found)) == len(found):
            return found
    return [line.label for line in lines]


def legend(labels: Sequence[str]) -> list[str]:
    """Without the words at the beginning that all of them share, as long as something to read is left of each."""
    if len(labels) < 2:
        return list(labels)
    begins = [labels[0][: place + 1] for place, letter in enumerate(labels[0]) if letter in " -_/"]
    shared = [each for each in begins if all(label.startswith(each) and len(label) - len(each) >= _LEGIBLE for label in labels)]
    return [label[len(shared[-1]) :] if shared else label for label in labels]


def _old_name(line: Line) -> str:
    """The document's name, where the true one is another."""
    return line.translated_from.rpartition(" ")[2]


def _short(word: str) -> str:
    """`targetgroup/NAME/1f…` is NAME."""
    parts = word.split("/")
    return parts[1] if len(parts) == 3 and parts[0] in ("targetgroup", "app") else word


def _titled(line: Line, label: str) -> str:
    return f"{label} ({unit(line)})" if unit(line) else label


def _around(release: beside.Change | None) -> dict[str, str] | None:
    if release is None:
        return None
    start, end = release.start - _AROUND[0], (release.end or release.start) + _AROUND[1]
    return {"label": release.label, "span": f"{int(start.timestamp())}-{int(end.timestamp())}"}


def _has_bands(widget: Widget) -> bool:
    """Beanstalk's health is a word: it is drawn as bands of states along the axis, whatever view CloudWatch gives it."""
    return widget.kind == "metric" and any(line.metric == HEALTH for line in widget.shown)


def _only_bands(widget: Widget) -> bool:
    return all(line.metric == HEALTH for line in widget.shown)


def _drawing(widget: Widget, hosts: Mapping[str, str]) -> dict[str, Any]:
    """What the browser needs to draw it."""
    labels = short_labels(widget.shown, hosts)
    return {
        "key": widget.key,
        "view": widget.view,
        "stacked": widget.stacked,
        "bands": _has_bands(widget),
        "left": _axis(widget.left),
        "right": _axis(widget.right),
        "marks": [_mark(mark) for mark in widget.marks],
        "lines": [
            {"key": line.key, "label": short, "title": label, "unit": unit(line), "right": line.right}
            for line, short, label in zip(widget.shown, legend(labels), labels, strict=True)
        ],
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {"low": axis.low, "high": axis.high, "label": axis.label}


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "label": mark.label,
        "value": mark.value,
        "until": mark.until,
        "time": _seconds(mark.time),
        "time_until": _seconds(mark.time_until),
        "fill": mark.fill,
        "right": mark.right,
    }


def _seconds(iso: str) -> int | None:
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
