"""The page “What we promise”."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from opsconsole import promises
from people.views import may_view


@require_safe
@may_view
def page(request: HttpRequest) -> HttpResponse:
    known = promises.results()
    rows = [(promise, promises.result_of(promise.key, known)) for promise in promises.PROMISES]
    counted = {state: sum(result.state == state for _, result in rows) for state in ("ok", "warn", "bad", "unknown")}
    return render(request, "opsconsole/promises.html", {"rows": rows, "counted": counted})
