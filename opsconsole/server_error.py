"""When a page or the API cannot answer: the database is away (503, with words that need none), or the fault is the console's (500)."""

from __future__ import annotations

import sys

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from opsconsole.problems import DATABASE_AWAY, problem

AWAY = (OperationalError, InterfaceError)


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled. Asks the database for nothing."""
    away = isinstance(sys.exc_info()[1], AWAY)
    status = 503 if away else 500
    headers = {"Retry-After": "5"} if away else {}
    if request.path.startswith("/api/"):
        return problem(request, status, DATABASE_AWAY if away else "The console made a mistake; its log says which.", headers=headers)
    return HttpResponse(render_to_string(f"{status}.html"), status=status, headers=headers)
