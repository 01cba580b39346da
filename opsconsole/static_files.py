"""The stylesheets and scripts, by whitenoise, as answers that are sent in one piece.

whitenoise hands Django a file that is read bit by bit; under ASGI Django reads it to its end first all the same, and warns of it.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with closing(found.file):
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["Content-Type"]  # whitenoise's is among its own
        for name, value in found.headers:
            response[name] = value
        return response
