"""How people and programs are let in outside the demo: `manage.py operator` and `manage.py token`."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.utils import timezone

from people.models import Operator, Token
from people.permissions import may

pytestmark = pytest.mark.django_db


def told(*words: str) -> list[str]:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def password(lines: list[str]) -> str:
    return lines[-1].removeprefix("Sign in: jane / ")


def test_who_is_let_in_signs_in_with_what_is_printed() -> None:
    said, sign_in = told("operator", "jane", "--role", "releaser")
    assert said == "jane, new: releaser"
    jane = authenticate(username="jane", password=password([sign_in]))
    assert may(jane, "release", "production")
    assert isinstance(jane, Operator)
    assert not jane.is_superuser


def test_another_role_leaves_the_password_alone_and_a_new_one_is_a_word_away() -> None:
    first = password(told("operator", "jane", "--role", "admin"))
    assert told("operator", "jane", "--role", "none") == ["jane, now: no access"]
    jane = authenticate(username="jane", password=first)
    assert jane is not None
    assert not may(jane, "view")
    second = password(told("operator", "jane", "--role", "viewer", "--new-password"))
    assert authenticate(username="jane", password=first) is None
    assert may(authenticate(username="jane", password=second), "view")


@pytest.mark.parametrize(
    "words", [("jane doe", "--role", "viewer"), ("", "--role", "viewer"), ("jane", "--role", "king"), ("jane",)], ids=str
)
def test_what_names_nobody_or_no_role_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        told("operator", *words)
    assert not Operator.objects.exists()


def test_a_token_is_the_operators_and_ends_with_its_days(operator: Operator) -> None:
    ends, line = told("token", "operator", "--days", "30")
    secret = line.removeprefix("API token: ")
    now = timezone.now()
    assert Token.holder(secret, at=now + timedelta(days=29)) == operator
    assert Token.holder(secret, at=now + timedelta(days=31)) is None
    assert ends == f"Ends: {Token.objects.get().expires:%Y-%m-%d %H:%M} UTC"


@pytest.mark.parametrize("words", [("nobody", "--days", "3"), ("operator", "--days", "0"), ("operator", "--days", "366"), ("operator",)])
def test_no_token_for_nobody_and_none_for_ever(operator: Operator, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        told("token", *words)
    assert not Token.objects.exists()
