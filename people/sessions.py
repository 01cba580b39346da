"""Sessions of browsers: they end by themselves, when nobody does anything or after a working day; a person sees and ends their own.

What a page fetches by itself is nobody's doing: it keeps no session open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import suspend_request
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import urlencode
from django_htmx.middleware import HtmxDetails

from live.publish import publish
from people import audit
from people.models import Operator
from people.second_factor import ProveAgain

BEGAN, ACTIVE, ADDRESS, BROWSER = "began", "active", "address", "browser"
_AGAIN = 60  # seconds after which an activity is written once more
# What stands in a browser's long name, and what people call it; the first that is found counts, for each claims to be those below, too.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS X": "macOS", "Linux": "Linux"}


@dataclass(frozen=True, slots=True)
class Place:
    """One browser in which somebody is signed in. `name` stands for the key, which is never shown."""

    name: str
    began: datetime
    active: datetime
    address: str
    browser: str
    is_this: bool

    @property
    def browser_in_words(self) -> str:
        """“Firefox on Windows”; the beginning of what it says of itself where that is something else."""
        name, system = (next((words for sign, words in known.items() if sign in self.browser), "") for known in (_BROWSERS, _SYSTEMS))
        return f"{name} on {system}" if name and system else self.browser[:70] or "browser unknown"


def begin(request: HttpRequest) -> None:
    """At each sign-in, whatever the way."""
    now = timezone.now().timestamp()
    session = request.session
    session[BEGAN] = session[ACTIVE] = now
    session[ADDRESS] = str(request.META.get("REMOTE_ADDR", ""))
    session[BROWSER] = str(request.META.get("HTTP_USER_AGENT", ""))[:200]


def of(operator: Operator, *, this: str = "") -> list[Place]:
    """Newest first. `this`: the key of the session that asks."""
    found = [
        Place(
            _name(key), _time(data.get(BEGAN)), _time(data.get(ACTIVE)), str(data.get(ADDRESS, "")), str(data.get(BROWSER, "")), key == this
        )
        for key, data in _sessions(operator)
    ]
    return sorted(found, key=lambda place: place.active, reverse=True)


def end(operator: Operator, name: str = "", *, but: str = "") -> int:
    """Those of that name, or all, except the one whose key is `but`. How many. Websockets close with them."""
    keys = [key for key, _ in _sessions(operator) if key != but and name in ("", _name(key))]
    Session.objects.filter(session_key__in=keys).delete()
    look_again(operator)
    return len(keys)


def channel(operator: int) -> str:
    """Where websockets of this person hear that they have to look again whether they may still watch."""
    return f"person:{operator}"


def look_again(operator: Operator) -> None:
    """Once it is so: a session has ended, a role is another. A ring alone; what holds is read from the database."""
    transaction.on_commit(lambda: publish(channel(operator.pk), {"kind": "person"}))


class KeepsLimits:
    """Middleware: ends what has lasted too long, and asks for the second factor where an action wants it once more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, Operator):
            over = _over(request)
            if over:
                operator = request.user
                audit.record("session ended", by=operator, target=operator.username, why=over)
                logout(request)
                look_again(operator)
                messages.info(request, f"You have been signed out: {over}. Sign in again.")
            elif _is_an_act(request) and _now() - float(request.session.get(ACTIVE, 0)) > _AGAIN:
                request.session[ACTIVE] = _now()
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What was sent waits in the session, and is sent again when the person has proven who they are.

        The session lies in the database: nothing waits of a view that Django's `sensitive_post_parameters` marks. Its address is then asked
        by GET, and has to say that it is handed in again.
        """
        if not isinstance(error, ProveAgain) or request.path.startswith("/api/"):
            return None
        proof = get_adapter().get_reauthentication_methods(request.user)[0]["url"]
        if hasattr(request, "sensitive_post_parameters"):
            location = f"{proof}?{urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})}"
        else:
            location = suspend_request(request, proof)["Location"]
        if "HX-Request" in request.headers:
            return HttpResponse(status=204, headers={"HX-Redirect": location})
        return redirect(location)


class AsksToSignIn(LoginRequiredMiddleware):
    """A page that reads a part of itself again is sent to the sign-in as a whole; the form would stand in the middle of it."""

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]) -> HttpResponse:  # type: ignore[override]
        if "HX-Request" not in request.headers:
            return super().handle_no_permission(request, view_func)
        seen = HtmxDetails(request).current_url_abs_path or "/"
        answer = redirect_to_login(seen, self.get_login_url(view_func), self.get_redirect_field_name(view_func))
        return HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})


def _over(request: HttpRequest) -> str:
    now = _now()
    if now - float(request.session.get(ACTIVE, now)) > settings.IDLE_MINUTES * 60:
        return f"nothing was done for {settings.IDLE_MINUTES:g} minutes"
    if now - float(request.session.get(BEGAN, now)) > settings.SESSION_COOKIE_AGE:
        return f"a session lasts {settings.SESSION_COOKIE_AGE // 3600} hours at most"
    return ""


def _is_an_act(request: HttpRequest) -> bool:
    return request.method == "POST" or "HX-Request" not in request.headers


def _sessions(operator: Operator) -> Iterator[tuple[str, dict[str, Any]]]:
    for session in Session.objects.filter(expire_date__gt=timezone.now()):
        data = session.get_decoded()
        if data.get("_auth_user_id") == str(operator.pk):
            yield session.session_key, data


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else timezone.now() - timedelta(0)


def _now() -> float:
    return timezone.now().timestamp()
