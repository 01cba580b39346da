"""What can be done about people: let one in, change what they may, shut them out, end their sessions, give and take tokens.

Each asks for permission, is atomic, is recorded, and raises a typed error. An admin cannot shut out the last admin, nor change themselves.
"""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from people import audit, sessions
from people.models import Operator, Role, Token
from people.permissions import require

LONGEST_TOKEN_DAYS = 365


class NotPossible(Exception):
    """Nothing was changed. `str(error)` says why, and what to do."""


def let_in(name: str, role: str, *, by: Operator) -> Operator:
    """Without a password: they choose it by the one-time link. Raises Forbidden, ProveAgain, ValidationError."""
    require(by, "people")
    known = _role(role)
    with transaction.atomic():
        operator = Operator(username=name.strip(), role=known)
        operator.set_unusable_password()
        operator.full_clean()
        operator.save()
        audit.record("let in", by=by, target=operator.username, facts={"role": known.value})
    return operator


def change_role(operator: Operator, role: str, *, why: str = "", by: Operator) -> None:
    """Their open pages follow at once. Raises Forbidden, ProveAgain, NotPossible."""
    require(by, "people")
    known = _role(role)
    with transaction.atomic():
        operator = _locked(operator, by)
        before = Role(operator.role).value
        if before == Role.ADMIN and known != Role.ADMIN:
            _must_leave_an_admin(operator)
        operator.role = known
        operator.save(update_fields=["role"])
        sessions.look_again(operator)
        audit.record("change role", by=by, target=operator.username, why=why, facts={"before": before, "now": known.value})


def change_active(operator: Operator, active: bool, *, why: str = "", by: Operator) -> None:
    """Who is shut out loses sessions and tokens at once. Raises Forbidden, ProveAgain, NotPossible."""
    require(by, "people")
    with transaction.atomic():
        operator = _locked(operator, by)
        if not active:
            _must_leave_an_admin(operator)
            sessions.end(operator)
            operator.tokens.all().delete()
        operator.is_active = active
        operator.save(update_fields=["is_active"])
        audit.record("let in again" if active else "shut out", by=by, target=operator.username, why=why)


def one_time_link(operator: Operator, *, by: Operator) -> str:
    """Where they choose a password, once, within a day. Raises Forbidden, ProveAgain."""
    require(by, "people")
    audit.record("make one-time link", by=by, target=operator.username)
    return welcome(operator)


def welcome(operator: Operator) -> str:
    """The whole address. Nothing of it is kept: it is proven by SECRET_KEY, and over once the password or the last sign-in is another."""
    uid = urlsafe_base64_encode(force_bytes(operator.pk))
    path = reverse("people:welcome", args=(uid, default_token_generator.make_token(operator)))
    return f"{settings.SITE_URL}{path}"


def remove_second_factors(operator: Operator, *, why: str = "", by: Operator) -> None:
    """For one who lost the telephone and the recovery codes: they sign in with the password alone, and set up new ones before anything
    else opens. Their sessions end. Raises Forbidden, ProveAgain, NotPossible.
    """
    require(by, "people")
    with transaction.atomic():
        operator = _locked(operator, by)
        without_second_factors(operator)
        audit.record("remove second factors", by=by, target=operator.username, why=why)


def without_second_factors(operator: Operator) -> None:
    Authenticator.objects.filter(user=operator).delete()
    sessions.end(operator)


def end_sessions(operator: Operator, name: str = "", *, but: str = "", by: Operator) -> int:
    """One's own without a question; those of others as an admin. Raises Forbidden, ProveAgain."""
    if operator != by:
        require(by, "people")
    with transaction.atomic():
        ended = sessions.end(operator, name, but=but)
        audit.record("end sessions", by=by, target=operator.username, facts={"ended": ended})
    return ended


def issue_token(name: str, *, days: int, scope: str, environment: str = "", by: Operator) -> str:
    """For oneself: its secret, which is shown this once. Raises Forbidden, ProveAgain, NotPossible."""
    require(by, "token")
    if not name.strip() or len(name.strip()) > 60:
        raise NotPossible("Name the token after what uses it, in 60 characters at most, such as “nightly build”.")
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise NotPossible(f"A token lives 1 to {LONGEST_TOKEN_DAYS} days.")
    if scope not in Token.Scope.values:
        raise NotPossible(f"There is no scope “{scope[:40]}”; there is: {', '.join(Token.Scope.values)}.")
    with transaction.atomic():
        token, secret = Token.issue(by, name.strip(), lives=timedelta(days=days), scope=scope, environment=environment[:40])
        facts = {"scope": scope, "environment": environment, "ends": f"{token.expires:%Y-%m-%d %H:%M} UTC"}
        audit.record("issue token", by=by, target=str(token), facts=facts)
    return secret


def revoke_token(token: Token, *, by: Operator) -> None:
    """One's own, without a question."""
    if token.operator != by:
        raise NotPossible("That is not your token.")
    _revoke(token, by)


def revoke_token_of(operator: Operator, token: int, *, by: Operator) -> None:
    """Raises Forbidden, ProveAgain, NotPossible."""
    require(by, "people")
    found = operator.tokens.filter(pk=token).first()
    if found is None:
        raise NotPossible(f"{operator} has no such token any more.")
    _revoke(found, by)


def _revoke(token: Token, by: Operator) -> None:
    with transaction.atomic():
        audit.record("revoke token", by=by, target=str(token))
        token.delete()


def _role(role: str) -> Role:
    if role not in Role.values:
        raise NotPossible(f"There is no role “{role[:40]}”; there is: {', '.join(Role.values)}.")
    return Role(role)


def _locked(operator: Operator, by: Operator) -> Operator:
    if operator.pk == by.pk:
        raise NotPossible("Nobody changes what they may do themselves. Ask another admin.")
    return Operator.objects.select_for_update().get(pk=operator.pk)


def _must_leave_an_admin(operator: Operator) -> None:
    if operator.role != Role.ADMIN:
        return
    if not Operator.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=operator.pk).exists():
        raise NotPossible("This is the last admin. Make somebody else an admin first.")
