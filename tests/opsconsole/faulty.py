"""The console with a page that fails, for uvicorn to serve. What nobody else may know stands wherever a fault finds something."""

from __future__ import annotations

import logging
import os

from django.http import HttpRequest, HttpResponse

from opsconsole.asgi import application  # sets Django up
from opsconsole.urls import urlpatterns

from django.contrib.auth.decorators import login_not_required  # isort: skip
from django.urls import path  # isort: skip
from django.views.decorators.csrf import csrf_exempt  # isort: skip


class Faulty(Exception):
    """Of a test."""


@csrf_exempt
@login_not_required
def fails(request: HttpRequest, link: str) -> HttpResponse:
    local = "secret-of-a-local-variable"
    everything = f"{local} {request.POST['password']} {request.headers['X-Secret']} {link}"
    try:
        raise LookupError(f"no host has {os.environ['RUNDECK_TOKEN']}\nKey (name)=(secret-of-the-database)")
    except LookupError as first:
        raise Faulty(f"{os.environ['RUNDECK_TOKEN']} at /access/get/{link}/, {len(everything)} characters") from first


@csrf_exempt
@login_not_required
def tells(request: HttpRequest) -> HttpResponse:
    logging.getLogger("runs").error("a sentence without an exception")
    try:
        raise Faulty("told twice")
    except Faulty as fault:
        logging.getLogger("runs").exception("for the first time")
        logging.getLogger("estate").error("and again", exc_info=fault)
    return HttpResponse("well")


__all__ = ["application"]
urlpatterns += [path("fails/access/get/<str:link>/", fails), path("tells/", tells)]
