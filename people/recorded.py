"""What Django and allauth tell by signals, in the audit trail: sign-ins by whatever way, and what is done about second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import password_changed
from allauth.mfa import signals as mfa
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from people import audit, sessions
from people.models import Operator


@receiver(user_logged_in, dispatch_uid="people.recorded.signed_in")
def signed_in(sender: object, request: HttpRequest, user: Operator, **_: Any) -> None:
    """The session is the person's from here on."""
    sessions.begin(request)
    methods = [str(each.get("method", "")) for each in get_authentication_records(request, user)]
    audit.record("sign in", by=user, target=user.username, facts={"by": ", ".join(dict.fromkeys(methods))})


@receiver(password_changed, dispatch_uid="people.recorded.password_changed")
def changed_password(sender: object, request: HttpRequest, user: Operator, **_: Any) -> None:
    """Other sessions have ended by it."""
    audit.record("change password", by=user, target=user.username)
    sessions.look_again(user)


@receiver(mfa.authenticator_added, dispatch_uid="people.recorded.added")
def added(sender: object, request: HttpRequest, user: Operator, authenticator: Any, **_: Any) -> None:
    audit.record("add second factor", by=user, target=user.username, facts={"kind": str(authenticator.type)})


@receiver(mfa.authenticator_removed, dispatch_uid="people.recorded.removed")
def removed(sender: object, request: HttpRequest, user: Operator, authenticator: Any, **_: Any) -> None:
    audit.record("remove second factor", by=user, target=user.username, facts={"kind": str(authenticator.type)})


@receiver(mfa.authenticator_reset, dispatch_uid="people.recorded.reset")
def reset(sender: object, request: HttpRequest, user: Operator, authenticator: Any, **_: Any) -> None:
    audit.record("make recovery codes", by=user, target=user.username)


@receiver(mfa.authentication_failed, dispatch_uid="people.recorded.failed")
def failed(sender: object, user: Operator | None = None, **_: Any) -> None:
    name = user.username if user is not None else "a key that nobody has"
    audit.record("second factor", by=None, target=name, why="wrong code or key", result="refused")
