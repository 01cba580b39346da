"""The page Deadlines: one list by days left, and what could not be read."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from estate import deadlines
from people.views import may_view

LIGHTS = (("bad", "urgent"), ("warn", "soon"), ("unknown", "unknown"), ("ok", "later"))


@require_safe
@may_view
def board(request: HttpRequest) -> HttpResponse:
    """The page, and the same list again for its live update. `kind` and `light` narrow it."""
    found = deadlines.read_all()
    kind, light = request.GET.get("kind", ""), request.GET.get("light", "")
    shown = [due for due in found.dues if kind in ("", due.deadline.kind) and light in ("", due.light)]
    context = {
        "board": found,
        "dues": shown,
        "counts": [(key, words, found.count(key)) for key, words in LIGHTS],
        "kinds": sorted({due.deadline.kind for due in found.dues}),
        "kind": kind,
        "light": light,
    }
    template = "monitoring/_deadlines.html" if request.headers.get("HX-Request") else "monitoring/deadlines.html"
    response = render(request, template, context)
    response["Vary"] = "HX-Request, Cookie"
    return response
