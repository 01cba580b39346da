"""The audit trail as a page that can be searched, and as a file for those who may take it away."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from people import audit, trail
from people.models import Operator
from people.permissions import Forbidden, may, require
from people.views import may_view

SHOWN = 50
_FORMS = {"csv": ("text/csv; charset=utf-8", trail.as_csv), "jsonl": ("application/x-ndjson", trail.as_json_lines)}


@require_safe
@may_view
def trail_page(request: HttpRequest) -> HttpResponse:
    asked, before = _asked(request), _number(request.GET.get("before", ""))
    rows = list(trail.found(asked, before=before)[: SHOWN + 1])
    context = {
        "rows": rows[:SHOWN],
        "older": rows[SHOWN - 1].number if len(rows) > SHOWN else None,
        "asked": asked,
        "query": {key: value for key, value in request.GET.items() if key != "before" and value},
        "actions": trail.actions(),
        "people": Operator.objects.order_by("username").values_list("username", flat=True),
        "may_export": may(request.user, "audit-export"),
        "head": audit.head(),
    }
    return render(request, "people/audit.html", context)


@require_safe
@may_view
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """What the search found, from the first row to the newest; a page at a time, as the browser takes it."""
    if form not in _FORMS:
        raise Http404(f"There is no export as “{form}”; there is: csv, jsonl.")
    try:
        by = require(request.user, "audit-export")
    except Forbidden as refused:
        raise PermissionDenied(str(refused)) from refused
    kind, lines = _FORMS[form]
    audit.record("download audit trail", by=by, target=form, facts={"search": request.GET.urlencode()[:500]})
    response = StreamingHttpResponse(lines(trail.found(_asked(request)).order_by("number")), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="audit.{form}"'
    return response


def _asked(request: HttpRequest) -> trail.Asked:
    got = request.GET
    return trail.Asked(
        got.get("who", "")[:150],
        got.get("action", "")[:60],
        got.get("result", "")[:20],
        _number(got.get("run", "")),
        got.get("q", "")[:200],
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None
