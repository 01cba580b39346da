"""Single sign-on by OpenID Connect: who comes from the provider gets the role that their groups there have here, at every sign-in.

And what allauth is told about accounts otherwise: nobody signs up by themselves, and nothing is sent by mail.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from people import audit, sessions
from people.models import Operator, Role
from people.second_factor import FRESH_SECONDS

_ORDER = (Role.ADMIN, Role.RELEASER, Role.OPERATOR, Role.VIEWER)


def role_of(claims: Mapping[str, Any]) -> Role:
    """The highest that one of the groups has; none where no group is known. What is no list of words is no group."""
    groups = claims.get(settings.OIDC_GROUPS_CLAIM, ())
    known = {settings.OIDC_ROLES[group] for group in groups if isinstance(group, str) and group in settings.OIDC_ROLES}
    return next((role for role in _ORDER if role.value in known), Role.NONE)


def _give(operator: Operator, role: Role) -> None:
    before, operator.role = operator.role, role
    operator.save(update_fields=["role"])
    sessions.look_again(operator)
    facts = {"before": str(before), "now": role.value}
    audit.record("change role", by=None, target=operator.username, why="groups of the provider", facts=facts)


@transaction.atomic
def _take_away(operator: Operator) -> None:
    """Who has no group there any more may do nothing here: by no token, and in no browser that is still open."""
    if operator.role != Role.NONE:
        _give(operator, Role.NONE)
    if ended := sessions.end(operator):
        audit.record("end sessions", by=None, target=operator.username, why="groups of the provider", facts={"ended": ended})


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The server's: it believes a trusted proxy alone."""
        return str(request.META.get("REMOTE_ADDR", ""))

    def get_reauthentication_methods(self, user: Operator) -> list[dict[str, Any]]:
        """Who has a second factor shows that: the password alone is no proof of it."""
        known: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        factors = [method for method in known if method["id"] != "reauthenticate"]
        return sorted(factors, key=lambda method: "webauthn" not in method["id"]) or known  # a key before a code

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """Not of who has come in, or has shown it again, within the last five minutes: nobody is asked twice at once."""
        proofs = get_authentication_records(context.request, context.request.user)
        return not proofs or time.time() - float(proofs[-1]["at"]) > FRESH_SECONDS

    def send_mail(self, *args: Any, **options: Any) -> None:
        """There is none."""

    def send_notification_mail(self, *args: Any, **options: Any) -> None:
        """There is none."""

    def add_message(self, request: HttpRequest, level: int, *args: Any, message: str | None = None, **options: Any) -> None:
        """Pages say what has happened; what was refused, a message says where the page leads elsewhere."""
        if level >= messages.ERROR and message:
            messages.error(request, message)


class SingleSignOn(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True  # who has no group has been turned away before

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """The provider decides, each time: a group that was taken away there is taken away here."""
        claims = sociallogin.account.extra_data
        role = role_of({**claims, **claims.get("id_token", {}), **claims.get("userinfo", {})})
        operator = sociallogin.user
        name = operator.username or str(sociallogin.account.uid)
        if role is Role.NONE:
            if sociallogin.is_existing:
                _take_away(operator)
            self._refuse(request, name, "no group of theirs has a role here")
        if not sociallogin.is_existing:
            if Operator.objects.filter(username=operator.username).exists():
                self._refuse(request, name, "an operator of that name exists and signs in by password")
            operator.role = role
            operator.set_unusable_password()
        elif operator.role != role:
            _give(operator, role)

    def _refuse(self, request: HttpRequest, name: str, why: str) -> None:
        audit.record("sign in", by=None, target=name, why=f"single sign-on: {why}", result="refused")
        messages.error(request, f"{settings.OIDC_NAME} knows you, and {why}. Ask an admin.")
        raise ImmediateHttpResponse(redirect("people:sign-in"))

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, **more: Any) -> None:
        audit.record("sign in", by=None, target="single sign-on", why=f"the provider's answer was refused: {error}", result="refused")
        messages.error(request, f"{settings.OIDC_NAME} did not let you in. Try again, or sign in by password.")
        raise ImmediateHttpResponse(redirect("people:sign-in"))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Mapping[str, Any]) -> Operator:
        operator: Operator = super().populate_user(request, sociallogin, data)
        operator.username = str(data.get("username") or data.get("email") or sociallogin.account.uid)[:150]
        return operator
