"""The page Monitoring: a dashboard with releases and alarms on one time axis; its figures for the browser; each chart as a table and CSV.

Nothing here asks CloudWatch: a view says which window somebody wants and shows what is stored (`watching`).
"""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from estate.reading import current
from monitoring.dashboards import document, pages, watching
from monitoring.dashboards.definition import Dashboard, Widget
from monitoring.dashboards.figures import unpacked
from monitoring.dashboards.models import StoredDashboard, Window
from monitoring.dashboards.spans import BadSpan, Span, span_of
from people.views import may_view

_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take the cell for a formula


@require_safe
@may_view
def production(request: HttpRequest) -> HttpResponse:
    """The production dashboard of the document; where CloudWatch has none, the first there is, or why there is none."""
    row = document.production() or StoredDashboard.objects.filter(gone=None).first()
    if row is None:
        return render(request, "monitoring/none.html", {"watched": pages.watched_definitions()})
    return _page(request, row)


@require_safe
@may_view
def dashboard(request: HttpRequest, name: str) -> HttpResponse:
    return _page(request, _row(name))


@require_safe
@may_view
def figures(request: HttpRequest, name: str) -> HttpResponse:
    """As they were stored, compressed once for everybody; 202 while they are being read for the first time."""
    span = _span(request)
    if isinstance(span, HttpResponse):
        return span
    if not StoredDashboard.objects.filter(name=name).exists():
        raise Http404(f"There is no dashboard “{name}”.")
    window = watching.want(name, span)
    if window.made is None or window.figures is None:
        return JsonResponse({"waiting": True, "said": pages.trouble(window)}, status=202)
    tag = f'"{window.pk}-{window.made.timestamp():.3f}"'
    if request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    response = HttpResponse(
        bytes(window.figures), content_type="application/json", headers={"ETag": tag, "Cache-Control": "private, no-cache"}
    )
    response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Cookie"])
    return response


@require_safe
@may_view
def happened(request: HttpRequest, name: str) -> HttpResponse:
    """Releases, alarm states, and what is wrong with the figures themselves."""
    span = _span(request)
    if isinstance(span, HttpResponse):
        return span
    row = _row(name)
    return JsonResponse(pages.happened(row, span, timezone.now()))


@require_safe
@may_view
def table(request: HttpRequest, name: str, widget: str) -> HttpResponse:
    """The figures of one widget as a table, newest first: for those who cannot see a chart, and without JavaScript."""
    found = _numbers(request, name, widget)
    if isinstance(found, HttpResponse):
        return found
    return render(request, "monitoring/table.html", found | {"rows": list(reversed(found["rows"]))[: pages.MOST_ROWS]})


@require_safe
@may_view
def export(request: HttpRequest, name: str, widget: str) -> HttpResponse:
    """The same as CSV: times in UTC, an empty cell for a gap."""
    found = _numbers(request, name, widget)
    if isinstance(found, HttpResponse):
        return found
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}-{widget}.csv"'
    write = csv.writer(response).writerow
    write(["time (UTC)", *(_cell(label) for label in found["labels"])])
    for time, values in found["rows"]:
        write([time.strftime("%Y-%m-%dT%H:%M:%SZ"), *("" if value is None else value for value in values)])
    return response


def _page(request: HttpRequest, row: StoredDashboard) -> HttpResponse:
    if "from" in request.GET or "to" in request.GET:
        return _to_absolute(request, row)
    said = ""
    try:
        span = span_of(request.GET.get("span", ""))
    except BadSpan as error:
        span, said = span_of(""), str(error)
    dashboard = watching.read(row)
    watching.want(row.name, span)
    return render(request, "monitoring/dashboard.html", pages.dashboard_page(row, dashboard, span, said=said, wall="wall" in request.GET))


def _to_absolute(request: HttpRequest, row: StoredDashboard) -> HttpResponse:
    """From the form, whose times are those of the estate's zone, to an address that can be sent to somebody."""
    zone, place = current().time_zone, reverse("monitoring:dashboard", args=(row.name,))
    try:
        start, end = (datetime.fromisoformat(request.GET.get(name, "")).replace(tzinfo=zone) for name in ("from", "to"))
        return redirect(f"{place}?{urlencode({'span': f'{int(start.timestamp())}-{int(end.timestamp())}'})}")
    except (ValueError, OverflowError):
        asked = f"{request.GET.get('from', '')} to {request.GET.get('to', '')}"
        return redirect(f"{place}?{urlencode({'span': asked[:40]})}")


def _span(request: HttpRequest) -> Span | HttpResponse:
    try:
        return span_of(request.GET.get("span", ""))
    except BadSpan as error:
        return JsonResponse({"said": str(error)}, status=400)


def _row(name: str) -> StoredDashboard:
    row = StoredDashboard.objects.filter(name=name).first()
    if row is None:
        raise Http404(f"There is no dashboard “{name}”. CloudWatch's are read once a minute.")
    return row


def _numbers(request: HttpRequest, name: str, widget: str) -> dict[str, Any] | HttpResponse:
    span = _span(request)
    if isinstance(span, HttpResponse):
        return span
    row = _row(name)
    found = _widget(watching.read(row), widget)
    window: Window = watching.want(name, span)
    raw = unpacked(bytes(window.figures)) if window.figures is not None else {"lines": []}
    labels, rows = pages.rows(found, raw)
    return {"row": row, "widget": found, "span": span, "window": window, "labels": labels, "rows": rows, "trouble": pages.trouble(window)}


def _widget(dashboard: Dashboard, key: str) -> Widget:
    found = next((each for each in dashboard.widgets if each.key == key), None)
    if found is None or not found.shown:
        raise Http404(f"The dashboard has no widget {key} with figures.")
    return found


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_RISKY) else text
