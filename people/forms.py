"""The forms at the door: Django's own with one answer for every wrong name or password, and a limit to guessing; allauth's for keys."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from people import audit, throttle
from people.models import Operator

WRONG = "Name or password is wrong."


class SignInForm(AuthenticationForm):
    error_messages = {"invalid_login": WRONG, "inactive": WRONG}

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.address = request.META.get("REMOTE_ADDR", "")

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username", "")
        wait = throttle.closed_for(name, self.address) if name else None
        if wait is not None:
            _refused(name, "too many attempts")
            raise ValidationError(_too_many(wait), code="throttled")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            throttle.failed(name, self.address)
            _refused(name, "wrong name or password")
            raise
        if self.get_user() is not None:
            throttle.succeeded(name, self.address)
        return cleaned

    @property
    def is_throttled(self) -> bool:
        return self.has_error("__all__", "throttled")


class _Shown:
    """A key that was shown: allauth tells of wrong codes, and not of wrong keys."""

    user: Operator | None

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]  # of allauth's form beside it
        except ValidationError:
            authentication_failed.send(sender=Authenticator, request=context.request, user=self.user)
            raise


class PasskeyForm(_Shown, LoginWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """At the door, instead of name and password."""


class KeyForm(_Shown, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """At the door, after the password."""


class KeyAgainForm(_Shown, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """Before what asks for it once more."""


def _refused(name: str, why: str) -> None:
    """A name that nobody has is not kept for years: people type their password there by mistake."""
    known = Operator.objects.filter(username=name).exists()
    audit.record("sign in", by=None, target=name if known else "a name that nobody has", why=why, result="refused")


def _too_many(wait: timedelta) -> str:
    minutes = math.ceil(wait.total_seconds() / 60)
    return f"Too many attempts. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, then try again."
