"""How people and programs are let in outside the demo: `manage.py operator` and `manage.py token`."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.apps import apps
from django.contrib.auth import authenticate
from django.contrib.auth.tokens import default_token_generator
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from people.models import AuditEntry, Operator, Token
from people.permissions import may

pytestmark = pytest.mark.django_db
WORDS = "four words nobody guesses"


def told(*words: str) -> list[str]:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().splitlines()


def link(lines: list[str]) -> str:
    """The path behind SITE_URL."""
    found = re.fullmatch(r"They choose a password within a day, once, at: http://testserver(/welcome/\S+/)", lines[-1])
    assert found
    return found[1]


def chosen(path: str, words: str = WORDS) -> bool:
    """A browser of its own: does the link let a password be chosen?"""
    client = Client()
    form = client.get(path, follow=True)
    if not form.redirect_chain:
        assert "This link is over" in form.content.decode()
        return False
    return client.post(form.redirect_chain[-1][0], {"new_password1": words, "new_password2": words}).status_code == 302


def signs_in(name: str, words: str) -> Client | None:
    client = Client()
    client.post("/sign-in/", {"username": name, "password": words})
    return client if "_auth_user_id" in client.session else None


def test_the_first_admin_chooses_a_password_by_the_link_that_is_printed_and_sets_up_a_second_factor(settings: Settings) -> None:
    settings.SECOND_FACTOR = True
    said, printed = told("operator", "jane", "--role", "admin")
    assert said == "jane, new: admin"
    assert chosen(link([printed]))
    jane = signs_in("jane", WORDS)
    assert jane is not None
    assert jane.get("/").headers["Location"] == reverse("people:account")  # nothing else opens
    assert "Set up your second factor first" in jane.get(reverse("people:account")).content.decode()
    assert not Operator.objects.get().is_superuser
    rows = [(row.action, row.origin) for row in AuditEntry.objects.order_by("number")]
    assert rows[:2] == [("let in", "manage.py operator"), ("make one-time link", "manage.py operator")]
    assert "/welcome/" not in str(list(AuditEntry.objects.values()))


def test_a_link_leads_to_where_people_reach_the_console(settings: Settings) -> None:
    settings.SITE_URL = "https://ops.client.url"
    assert ": https://ops.client.url/welcome/" in told("operator", "jane", "--role", "admin")[-1]


def test_a_link_works_once(admin: Operator) -> None:
    path = link(told("operator", "jane", "--role", "viewer"))
    assert [chosen(path), chosen(path, "some other words here")] == [True, False]
    assert signs_in("jane", WORDS)
    assert not signs_in("jane", "some other words here")


@pytest.mark.parametrize("hours, works", [(23.9, True), (24.1, False)])
def test_a_link_ends_after_a_day(monkeypatch: pytest.MonkeyPatch, hours: float, works: bool) -> None:
    path = link(told("operator", "jane", "--role", "viewer"))
    now = datetime.now() + timedelta(hours=hours)  # noqa: DTZ005
    monkeypatch.setattr(default_token_generator, "_now", lambda: now)
    assert chosen(path) is works


def test_a_link_can_be_neither_guessed_nor_read_in_the_database_nor_used_for_another(settings: Settings) -> None:
    path = link(told("operator", "jane", "--role", "viewer"))
    other = link(told("operator", "john", "--role", "admin"))
    [_, _, who, proof, _] = path.split("/")
    assert len(proof.split("-")[1]) == 32  # 128 of HMAC-SHA256's bits
    assert not chosen(f"/welcome/{other.split('/')[2]}/{proof}/")
    assert not chosen(f"/welcome/{who}/{proof[:-1]}{'0' if proof[-1] != '0' else '1'}/")
    tables = set(connection.introspection.table_names())
    kept = [model._base_manager.values() for model in apps.get_models() if model._meta.db_table in tables]
    assert proof not in str([list(rows) for rows in kept])
    honest = settings.SECRET_KEY
    settings.SECRET_KEY = "of somebody who has the database and the code"
    assert not chosen(path)
    settings.SECRET_KEY = honest
    assert chosen(path)


def test_another_role_leaves_the_password_alone_and_a_new_link_is_a_word_away() -> None:
    chosen(link(told("operator", "jane", "--role", "admin")))
    assert told("operator", "jane", "--role", "none") == ["jane, now: no access"]
    jane = authenticate(username="jane", password=WORDS)
    assert jane is not None
    assert not may(jane, "view")
    before = signs_in("jane", WORDS)
    assert before is not None
    assert chosen(link(told("operator", "jane", "--role", "viewer", "--link")), "a second set of words")
    assert authenticate(username="jane", password=WORDS) is None
    assert before.get("/").status_code == 302  # to the door: sessions of before have ended
    assert may(authenticate(username="jane", password="a second set of words"), "view")


def test_who_lost_the_telephone_sets_up_another(admin: Operator, settings: Settings) -> None:
    settings.SECOND_FACTOR = True
    totp.TOTP.activate(admin, totp.generate_totp_secret())
    assert not signs_in("admin", "admin-long-enough")
    assert told("operator", "admin", "--role", "admin", "--lost-second-factor") == ["admin, now: admin"]
    inside = signs_in("admin", "admin-long-enough")
    assert inside is not None
    assert inside.get("/").headers["Location"] == reverse("people:account")
    assert AuditEntry.objects.filter(action="remove second factors", target="admin").exists()


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
