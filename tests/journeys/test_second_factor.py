"""The second factor as people meet it: an app, a passkey, recovery codes, in a real Chromium with an authenticator that it plays itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from people.models import AuditEntry, Operator
from runs.models import Run, Step
from tests import scenery
from tests.journeys.browser import PHONE, WIDE, Person, violations, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]
PASSWORD = "releaser-long-enough"
Arrives = Callable[..., Person]


@pytest.fixture(autouse=True)
def asked_for(settings: Settings, live_server: LiveServer) -> None:
    settings.SECOND_FACTOR, settings.SITE_URL = True, live_server.url
    cache.clear()


@pytest.fixture
def arrives(browser: Browser, live_server: LiveServer) -> Iterator[Arrives]:
    there: list[Person] = []

    def arrive(theme: str = "light", size: tuple[int, int] = WIDE) -> Person:
        there.append(Person(browser, live_server.url, sockets=False, theme=theme, size=size))
        return there[-1]

    yield arrive
    for person in there:
        person.leaves()


class Key:
    """An authenticator in the person's browser, played by Chromium: what it makes and signs is real."""

    def __init__(self, person: Person, *, verifies: bool = True) -> None:
        self._chromium = person.context.new_cdp_session(person.page)
        self._chromium.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        more = {"isUserVerified": verifies, "automaticPresenceSimulation": True}
        self._id = self._chromium.send("WebAuthn.addVirtualAuthenticator", {"options": options | more})["authenticatorId"]

    def verifies(self, verifies: bool) -> None:
        """Whether finger, face or PIN is the right one."""
        self._chromium.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": verifies})

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._chromium.send("WebAuthn.getCredentials", {"authenticatorId": self._id})["credentials"]
        return found


def enters(person: Person) -> None:
    person.go("/sign-in/")
    person.page.fill("[name=username]", "releaser")
    person.page.fill("[name=password]", PASSWORD)
    person.page.click("button.primary")


def adds_a_passkey(person: Person, *, passwordless: bool = True) -> None:
    person.go("/account/second-factor/webauthn/add/")
    person.page.fill("[name=name]", "Laptop")
    person.page.set_checked("[name=passwordless]", passwordless)
    person.page.click("#add_key")


def grown_old() -> None:
    """All that anybody has proven was longer ago."""
    for key in Session.objects.values_list("session_key", flat=True):
        session = SessionStore(key)
        for record in session.get("account_authentication_methods", []):
            record["at"] -= 301
        session.save()


def waits_for_a_person(by: Operator) -> Run:
    """A release to production whose first step nobody can prove either way."""
    run = scenery.run(scenery.plan(by), by, state=Run.State.UNKNOWN, started=timezone.now())
    run.steps.filter(position=1).update(state=Step.State.UNKNOWN)
    return run


def gives_up(person: Person, run: Run) -> None:
    person.go(f"/runs/{run.number}/")
    person.page.click("text=Give it up…")
    person.page.fill("[name=reason]", "looked myself: nothing was begun")
    person.page.click(f"button:has-text('Give run {run.number} up')")


def test_a_passkey_is_registered_opens_the_door_and_is_shown_again_before_production(arrives: Arrives, releaser: Operator) -> None:
    person, run = arrives(), waits_for_a_person(releaser)
    key = Key(person)
    enters(person)
    person.reads("Set up your second factor first")
    adds_a_passkey(person)
    person.page.wait_for_url("**/recovery-codes/")
    [credential] = key.credentials()
    assert (credential["rpId"], credential["isResidentCredential"]) == ("localhost", True)
    person.context.clear_cookies()

    person.go("/sign-in/")
    person.page.click("#passkey_login")  # no name, no password
    person.page.wait_for_url(person.url + "/")
    assert AuditEntry.objects.filter(action="sign in").latest("number").facts == {"by": "mfa"}

    grown_old()
    key.verifies(False)
    gives_up(person, run)
    person.reads("Show that it is you")
    person.page.click("#use_key")
    person.reads("it did not recognise you")
    assert Run.objects.get().state == Run.State.UNKNOWN
    key.verifies(True)
    person.page.click("#use_key")  # what was sent has waited, and goes on
    wait_until(lambda: not Run.objects.get().is_active, seconds=20, what="the decision")
    row = AuditEntry.objects.filter(action="give run up").latest("number")
    assert (row.who, row.why) == ("releaser", "looked myself: nothing was begun")


def test_a_key_after_the_password_opens_the_door_as_a_code_does(arrives: Arrives, releaser: Operator) -> None:
    person = arrives()
    key = Key(person)
    enters(person)
    adds_a_passkey(person, passwordless=False)
    person.page.wait_for_url("**/recovery-codes/")
    person.context.clear_cookies()
    enters(person)
    person.reads("Your second factor")
    key.verifies(False)
    person.page.click("#use_key")
    person.reads("it did not recognise you")
    key.verifies(True)
    person.page.click("#use_key")
    person.page.wait_for_url(person.url + "/")


def test_an_authenticator_that_does_not_know_its_owner_registers_nothing(arrives: Arrives, releaser: Operator) -> None:
    person = arrives()
    Key(person, verifies=False)
    enters(person)
    adds_a_passkey(person)
    person.reads("it did not recognise you")
    assert not Authenticator.objects.exists()


def test_a_key_that_was_removed_opens_nothing(arrives: Arrives, releaser: Operator) -> None:
    person = arrives()
    key = Key(person)
    enters(person)
    adds_a_passkey(person)
    person.page.wait_for_url("**/recovery-codes/")
    person.go("/account/second-factor/webauthn/")
    person.page.click("text=Remove")
    person.page.click("button:has-text('Remove it')")
    person.reads("None yet")
    assert key.credentials()  # the telephone still has it
    person.context.clear_cookies()
    person.go("/sign-in/")
    person.page.click("#passkey_login")
    person.reads("not the right one")
    assert person.go("/runs/") == 200
    assert "/sign-in/" in person.page.url
    told = AuditEntry.objects.filter(action="second factor", result="refused")
    assert told.get().target == "a key that nobody has"


def pictures(person: Person, name: str) -> None:
    person.keeps(name)
    assert violations(person.page) == []
    assert person.page.evaluate("document.documentElement.scrollWidth") <= person.page.evaluate("innerWidth")


@pytest.mark.parametrize("theme, size", [("light", WIDE), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_its_pages_can_be_read_by_everybody(arrives: Arrives, releaser: Operator, theme: str, size: tuple[int, int]) -> None:
    person = arrives(theme, size)
    Key(person)
    kind = f"{theme}-{size[0]}"
    person.go("/sign-in/")
    pictures(person, f"factor-door-{kind}")
    enters(person)
    person.reads("Set up your second factor first")
    pictures(person, f"factor-account-{kind}")
    person.go("/account/second-factor/totp/activate/")
    pictures(person, f"factor-app-{kind}")
    person.page.fill("[name=code]", "12")
    person.page.click("button.primary")
    person.page.click("text=It cannot scan…")
    secret = person.page.inner_text("#secret")
    pictures(person, f"factor-app-wrong-{kind}")
    person.page.fill("[name=code]", totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30)))
    person.page.click("button.primary")
    person.page.wait_for_url("**/recovery-codes/**")
    pictures(person, f"factor-codes-{kind}")
    person.go("/account/second-factor/recovery-codes/generate/")
    pictures(person, f"factor-codes-new-{kind}")
    person.go("/account/second-factor/webauthn/add/")
    pictures(person, f"factor-key-add-{kind}")
    adds_a_passkey(person)
    wait_until(lambda: Authenticator.objects.filter(type="webauthn").exists(), seconds=20, what="the passkey")
    person.go("/account/second-factor/webauthn/")
    pictures(person, f"factor-keys-{kind}")
    pk = Authenticator.objects.get(type="webauthn").pk
    for what in ("edit", "remove"):
        person.go(f"/account/second-factor/webauthn/keys/{pk}/{what}/")
        pictures(person, f"factor-key-{what}-{kind}")
    for name, path in (("off", "totp/deactivate/"), ("again", "reauthenticate/"), ("again-key", "webauthn/reauthenticate/")):
        person.go(f"/account/second-factor/{path}")
        pictures(person, f"factor-{name}-{kind}")
    person.go("/account/confirm/")
    pictures(person, f"factor-confirm-{kind}")
    person.go("/account/password/")
    pictures(person, f"factor-password-{kind}")
    person.go("/account/inactive/")
    pictures(person, f"factor-inactive-{kind}")
    person.go("/account/")
    pictures(person, f"factor-account-full-{kind}")
    person.page.context.clear_cookies()
    enters(person)
    person.page.wait_for_url("**/authenticate/**")
    pictures(person, f"factor-code-{kind}")
    person.page.fill("[name=code]", "000000")
    person.page.click("button.primary")
    pictures(person, f"factor-code-wrong-{kind}")
