"""Refuses a NUL in what a browser or a program sends: no text of ours has one, and PostgreSQL takes none.

Here once, before anything reads the request, so that no view, no form and no API has to think of it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import chain

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.utils.deprecation import MiddlewareMixin

from opsconsole.problems import problem

SAID = "The request holds a NUL character (U+0000). Take it out."
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # in JSON; an escaped backslash before u0000 is none


class RefuseNul(MiddlewareMixin):
    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        for_machines = request.path.startswith("/api/")
        texts = chain([request.path], request.COOKIES.values(), _texts(request.GET))
        if not any("\0" in text for text in texts) and not (_in_document(request) if for_machines else _in_form(request)):
            return None
        return problem(request, 400, SAID) if for_machines else HttpResponse(SAID, status=400, content_type="text/plain; charset=utf-8")


def _texts(given: QueryDict) -> chain[str]:
    return chain(given, *(values for _, values in given.lists()))


def _in_form(request: HttpRequest) -> bool:
    with suppress(RequestDataTooBig, UnreadablePostError):  # whoever reads it next says so
        return any("\0" in text for text in _texts(request.POST))
    return False


def _in_document(request: HttpRequest) -> bool:
    with suppress(RequestDataTooBig, UnreadablePostError):
        return b"\0" in request.body or _ESCAPED.search(request.body) is not None
    return False
