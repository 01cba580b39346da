"""“Your sign-in”: one's own second factors, sessions and tokens."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from people import actions, sessions
from people.models import Operator, Token
from people.permissions import Forbidden, may
from people.second_factor import is_missing


def _who(request: HttpRequest) -> Operator:
    if not isinstance(request.user, Operator):
        raise PermissionDenied
    return request.user


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, secret: str = "", refused: str = "", status: int = 200) -> HttpResponse:
    who = _who(request)
    kinds = list(Authenticator.objects.filter(user=who).values_list("type", flat=True))
    context = {
        "who": who,
        "app": kinds.count(Authenticator.Type.TOTP),
        "keys": kinds.count(Authenticator.Type.WEBAUTHN),
        "codes": kinds.count(Authenticator.Type.RECOVERY_CODES),
        "missing": is_missing(who),
        "sessions": sessions.of(who, this=request.session.session_key or ""),
        "tokens": who.tokens.order_by("expires"),
        "scopes": Token.Scope.choices,
        "may_token": may(who, "token"),
        "secret": secret,
        "refused": refused,
        "now": timezone.now(),
        "posted": request.POST,
    }
    response = render(request, "people/account.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponseBase:
    who, name = _who(request), request.POST.get("session", "")
    ended = actions.end_sessions(who, name, but="" if name else request.session.session_key or "", by=who)
    messages.success(request, f"{ended} {'session' if ended == 1 else 'sessions'} ended.")
    return redirect("people:account")


@require_POST
def issue_token(request: HttpRequest) -> HttpResponseBase:
    """The secret is on the answer alone: it is nowhere to be read again."""
    posted, who = request.POST, _who(request)
    days = posted.get("days", "")
    try:
        secret = actions.issue_token(
            posted.get("name", ""),
            days=int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else 0,
            scope=posted.get("scope", ""),
            environment=posted.get("environment", ""),
            by=who,
        )
    except Forbidden as refused:
        return _page(request, refused=str(refused), status=403)
    except actions.NotPossible as refused:
        return _page(request, refused=str(refused), status=422)
    return _page(request, secret=secret)


@require_POST
def revoke_token(request: HttpRequest, token: int) -> HttpResponseBase:
    who = _who(request)
    actions.revoke_token(get_object_or_404(Token, pk=token, operator=who), by=who)
    messages.success(request, "The token is revoked: whatever used it is refused from now on.")
    return redirect("people:account")
