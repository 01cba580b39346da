"""The page Health: every group with its findings, the worst first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitoring.board import checking, failovers
from people.views import may_view


@require_safe
@may_view
def health(request: HttpRequest) -> HttpResponse:
    """The page, and the same fragment again for its live update."""
    groups = checking.board()
    counts = [
        (state, words, sum(each.state == state for group in groups for each in group.shown)) for state, words in checking.WORDS.items()
    ]
    template = "monitoring/_health.html" if request.headers.get("HX-Request") else "monitoring/health.html"
    response = render(request, template, {"groups": groups, "counts": counts, "failovers": failovers.newest()})
    response["Vary"] = "HX-Request, Cookie"
    return response
