"""Deadlines, dashboards and their figures for machines."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema

from estate import deadlines
from monitoring.dashboards import pages, watching
from monitoring.dashboards.definition import Widget
from monitoring.dashboards.figures import unpacked
from monitoring.dashboards.models import StoredDashboard
from monitoring.dashboards.spans import BadSpan, span_of
from people.permissions import require

router = Router(tags=["monitoring"])
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str, Query(max_length=300)]
Name = Annotated[str, Query(max_length=300)]


class DeadlineOut(Schema):
    """`days_left` is below 0 where it is over, null where the date is not known."""

    id: str
    source: str
    key: str
    kind: str
    title: str
    due: datetime | None
    days_left: float | None
    light: str
    why: str
    url: str
    read_at: datetime


class UnreadOut(Schema):
    source: str
    why: str
    read_at: datetime | None


class DeadlinePage(Schema):
    """`cannot_check` names the sources whose deadlines may be missing or old."""

    items: list[DeadlineOut]
    next: str | None
    cannot_check: list[UnreadOut]


class MetricLineOut(Schema):
    key: str
    label: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    period: int
    expression: str
    translated_from: str


class WidgetOut(Schema):
    """`said` has a sentence for each thing that is not drawn as CloudWatch draws it."""

    key: str
    kind: str
    title: str
    view: str
    stacked: bool
    period: int
    lines: list[MetricLineOut]
    alarms: list[str]
    said: list[str]


class DashboardOut(Schema):
    name: str
    widgets: list[WidgetOut]
    said: list[str]
    read_at: datetime
    gone: datetime | None


class DashboardPage(Schema):
    items: list[DashboardOut]
    next: str | None


class FiguresOut(Schema):
    """`lines` as {key, widget, start, step, values}: value n is of the time start + n × step; null is a gap. Null while first read."""

    span: str
    made: datetime | None
    error: str
    lines: list[dict[str, Any]] | None


@router.get("/deadlines", response=DeadlinePage)
def list_deadlines(request: HttpRequest, cursor: Cursor = "", limit: Limit = 100, kind: Name = "") -> dict[str, Any]:
    """By days left; those without a date first."""
    require(request.user, "view")
    board = deadlines.read_all()
    found = [due for due in board.dues if kind in ("", due.deadline.kind)]
    ids = [f"{due.source}/{due.deadline.key}" for due in found]
    first = ids.index(cursor) + 1 if cursor in ids else 0
    items = [
        {
            "id": id_,
            "source": due.source,
            "key": due.deadline.key,
            "kind": due.deadline.kind,
            "title": due.deadline.title,
            "due": due.deadline.due,
            "days_left": due.days_left,
            "light": due.light,
            "why": due.deadline.why,
            "url": due.deadline.url,
            "read_at": due.read,
        }
        for id_, due in list(zip(ids, found, strict=True))[first : first + limit]
    ]
    unread = [{"source": each.source, "why": each.why, "read_at": each.read} for each in board.unread]
    return {"items": items, "next": items[-1]["id"] if first + limit < len(found) else None, "cannot_check": unread}


@router.get("/dashboards", response=DashboardPage)
def list_dashboards(request: HttpRequest, cursor: Cursor = "", limit: Limit = 50) -> dict[str, Any]:
    """By name, as CloudWatch last had them."""
    require(request.user, "view")
    rows = list(StoredDashboard.objects.filter(name__gt=cursor, gone=None).order_by("name")[: limit + 1])
    return {"items": [_dashboard(row) for row in rows[:limit]], "next": rows[limit - 1].name if len(rows) > limit else None}


@router.get("/dashboards/{name}", response=DashboardOut)
def show_dashboard(request: HttpRequest, name: str) -> dict[str, Any]:
    require(request.user, "view")
    return _dashboard(_row(name))


@router.get("/dashboards/{name}/figures", response=FiguresOut)
def show_figures(request: HttpRequest, name: str, span: Name = "") -> dict[str, Any]:
    """What is stored; asking for a span makes the console read it, within seconds."""
    require(request.user, "view")
    row = _row(name)
    try:
        asked = span_of(span)
    except BadSpan as error:
        raise ValidationError(str(error)) from error
    window = watching.want(row.name, asked)
    lines = unpacked(bytes(window.figures))["lines"] if window.figures is not None else None
    return {"span": asked.key, "made": window.made, "error": pages.trouble(window), "lines": lines}


def _row(name: str) -> StoredDashboard:
    row = StoredDashboard.objects.filter(name=name[:255]).first()
    if row is None:
        raise Http404(f"There is no dashboard “{name[:60]}”.")
    return row


def _dashboard(row: StoredDashboard) -> dict[str, Any]:
    dashboard = watching.read(row)
    widgets = [_widget(widget) for widget in dashboard.widgets]
    return {"name": row.name, "widgets": widgets, "said": list(dashboard.said), "read_at": row.read, "gone": row.gone}


def _widget(widget: Widget) -> dict[str, Any]:
    said = ("key", "label", "namespace", "metric", "statistic", "period", "expression", "translated_from")
    return {
        "key": widget.key,
        "kind": widget.kind,
        "title": widget.title,
        "view": widget.view,
        "stacked": widget.stacked,
        "period": widget.period,
        "lines": [{name: getattr(line, name) for name in said} | {"dimensions": dict(line.dimensions)} for line in widget.shown],
        "alarms": list(widget.alarms),
        "said": list(widget.said),
    }
