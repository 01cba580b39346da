"""A caller of the console's API from a terminal or a build: the address and the token come from the environment, refusals become words."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from door.places import Failed
from runs import ansi

REFUSED = 2
LOOK = 3
UNREACHABLE = 4
_SECONDS = 60  # a plan builds its bundle before it answers
_TRIES, _PAUSE = 3, 2.0  # of a change whose answer was lost: its key makes that it is done once
_PATIENCE = 180.0  # seconds, for one that is still being done: the console itself calls it cut off before
_AWAY = (502, 503, 504)  # a proxy's answers while no console is behind it: they say nothing of what was done


class Refused(Failed):
    """The console said no; the words are its own."""

    code = REFUSED


class Unreachable(Failed):
    code = UNREACHABLE


class UnderWay(Failed):
    """What was asked for by this key is still being done, and its first answer was lost: a proxy would not wait, say."""

    code = LOOK


class Caller:
    def __init__(self) -> None:
        self.site = os.environ.get("SITE_URL", "http://localhost:8000").rstrip("/")
        self._token = os.environ.get("API_TOKEN", "")
        if not self._token:
            raise Refused("API_TOKEN is not set. Make a token under “Your sign-in”, or by manage.py token; SITE_URL says which console.")

    def get(self, path: str, **query: str | int) -> Any:
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, document: dict[str, Any]) -> Any:
        key = str(uuid.uuid4())
        tries, until = _TRIES, time.monotonic() + _PATIENCE
        while True:
            try:
                return self._ask("POST", path, document, key)
            except Unreachable:
                tries -= 1
                if not tries:
                    raise
            except UnderWay:
                if time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)

    def _ask(self, method: str, path: str, document: dict[str, Any] | None, key: str = "") -> Any:
        """Redirects are not followed: a token goes to that one address."""
        url = f"{self.site}/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  (the address is the caller's own setting)
        try:
            with urllib.request.build_opener(_Stays).open(request, timeout=_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in _AWAY and not _is_its_own(error):
                raise Unreachable(f"{self.site} answers {error.code} in the console's place.") from None
            still = error.code == HTTPStatus.CONFLICT and "Retry-After" in error.headers
            raise (UnderWay if still else Refused)(_words(error)) from None
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self.site} does not answer as the console does: {error}") from None


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _is_its_own(error: urllib.error.HTTPError) -> bool:
    return str(error.headers.get_content_type()) == "application/problem+json"


def _words(error: urllib.error.HTTPError) -> str:
    try:
        said = json.load(error)
        reasons = said.get("reasons") or [said.get("detail", "")]
        link = f" {said['link']}" if "link" in said else ""
        return ansi.plain_text("\n".join(str(reason) for reason in reasons) + link)  # it may hold what another program said
    except (ValueError, AttributeError):
        return f"The console answered {error.code}."
