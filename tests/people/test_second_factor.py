"""The second factor: asked for at the door, set up before anything else opens, shown again before what cannot be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate.models import Resource
from opsconsole.asgi import application
from people.models import AuditEntry, Operator, Role, Token
from people.permissions import may
from runs.models import Run
from tests import scenery
from tests.handover import authority
from tests.valkey import Valkey
from tests.websocket import Websocket

pytestmark = pytest.mark.django_db
DOOR, CODE, AGAIN = "/sign-in/", "/account/second-factor/authenticate/", "/account/second-factor/reauthenticate/"


@pytest.fixture(autouse=True)
def asked_for(settings: Settings) -> None:
    settings.SECOND_FACTOR = True
    cache.clear()


class Telephone:
    """Somebody's authenticator app. A code counts once, so each is of another half minute that the door takes."""

    def __init__(self, operator: Operator) -> None:
        self.secret = totp.generate_totp_secret()
        totp.TOTP.activate(operator, self.secret)
        self._steps = iter((0, 1, -1))

    def code(self) -> str:
        counter = int(time.time()) // 30 + next(self._steps)
        return str(totp.format_hotp_value(totp.hotp_value(self.secret, counter)))


def signed_in(operator: Operator, telephone: Telephone) -> Client:
    client = Client(raise_request_exception=False)
    client.post(DOOR, {"username": operator.username, "password": f"{operator.username}-long-enough"})
    assert client.post(CODE, {"code": telephone.code()}).status_code == 302
    return client


def grown_old(client: Client, seconds: float) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


def test_the_password_alone_opens_nothing(operator: Operator) -> None:
    telephone, client = Telephone(operator), Client()
    answer = client.post(f"{DOOR}?next=/runs/", {"username": "operator", "password": "operator-long-enough"})
    assert answer.headers["Location"] == CODE
    assert client.get("/").status_code == 302  # to the door
    assert client.get("/api/v1/services").status_code == 401
    wrong = client.post(CODE, {"code": "000000" if telephone.code() != "000000" else "111111"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in client.session
    right = client.post(CODE, {"code": telephone.code()})
    assert right.headers["Location"] == "/runs/"
    assert client.get("/").status_code == 200
    told = [(row.action, row.target, row.result) for row in AuditEntry.objects.order_by("number")]
    assert told == [("second factor", "operator", "refused"), ("sign in", "operator", "ok")]
    assert AuditEntry.objects.get(result="ok").facts == {"by": "password, mfa"}


def test_a_recovery_code_opens_once(operator: Operator) -> None:
    Telephone(operator)
    code = RecoveryCodes.activate(operator).get_unused_codes()[0]
    for opens in (True, False):
        client = Client()
        client.post(DOOR, {"username": "operator", "password": "operator-long-enough"})
        client.post(CODE, {"code": code})
        assert ("_auth_user_id" in client.session) is opens


def test_secrets_of_factors_lie_encrypted_in_the_database(operator: Operator) -> None:
    telephone = Telephone(operator)
    codes = RecoveryCodes.activate(operator).get_unused_codes()
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert telephone.secret not in kept
    assert not any(code in kept for code in codes)


def test_who_has_none_can_set_one_up_and_nothing_else(operator: Operator, django_capture_on_commit_callbacks: Any) -> None:
    client = Client(raise_request_exception=False)
    client.post(DOOR, {"username": "operator", "password": "operator-long-enough"})
    assert client.get("/").headers["Location"] == reverse("people:account")
    page = client.get(reverse("people:account")).content.decode()
    assert "Set up your second factor first" in page
    assert client.get("/api/v1/services").status_code == 403
    assert client.post("/services/magento/pre-production/plan/").status_code == 403
    form = client.get("/account/second-factor/totp/activate/")
    if form.status_code == 302:  # the password once more, where the sign-in is not fresh enough for allauth
        client.post(form.headers["Location"], {"password": "operator-long-enough"})
        form = client.get("/account/second-factor/totp/activate/")
    text = form.content.decode()
    assert "<svg" in text
    assert "data:image" not in text
    secret = client.session["mfa.totp.secret"]
    code = totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/account/second-factor/totp/activate/", {"code": code})
    assert client.get("/").status_code == 200
    assert {"add second factor", "sign in"} <= set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.django_db(transaction=True)
async def test_a_websocket_opens_after_the_second_factor_alone(person: Callable[[str, Role], Operator]) -> None:
    bare, proven = await sync_to_async(person)("bare", Role.VIEWER), await sync_to_async(person)("proven", Role.VIEWER)
    await sync_to_async(Telephone)(proven)
    for somebody, opens in ((bare, False), (proven, True)):
        client = Client()
        await sync_to_async(client.force_login)(somebody)
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()).encode()
        socket = Websocket(application, "/ws/now/", [(b"origin", b"http://testserver"), (b"cookie", cookie)])
        assert await socket.connect() is opens
        if opens:
            await socket.disconnect()


def test_a_token_stands_in_for_it(operator: Operator) -> None:
    secret = Token.issue(operator, "build", lives=timedelta(hours=1))[1]
    assert not may(operator, "view")
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/services").status_code == 200


def test_a_role_is_changed_after_the_factor_was_shown_again(admin: Operator, viewer: Operator) -> None:
    telephone = Telephone(admin)
    client, url = signed_in(admin, telephone), reverse("people:role", args=(viewer.pk,))
    grown_old(client, 301)
    answer = client.post(url, {"role": "operator"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(AGAIN)
    viewer.refresh_from_db()
    assert viewer.role == "viewer"
    client.post(answer.headers["Location"], {"code": telephone.code(), "next": url})
    viewer.refresh_from_db()  # what was sent had waited
    assert viewer.role == "operator"
    client.post(url, {"role": "releaser"})  # within five minutes nobody is asked
    viewer.refresh_from_db()
    assert viewer.role == "releaser"


def test_production_wants_it_fresh_and_stopping_does_not(releaser: Operator, settings: Settings) -> None:
    client = signed_in(releaser, Telephone(releaser))
    made = scenery.plan(releaser)
    run = scenery.run(made, releaser)
    grown_old(client, 301)
    posts: list[tuple[str, dict[str, Any], bool]] = [
        (reverse("deployments:start", args=(made.pk,)), {"hash": made.hash}, True),
        (reverse("runs:give-up", args=(run.number,)), {"reason": "x"}, True),
        (reverse("runs:cancel", args=(run.number,)), {"strength": "abort"}, False),
    ]
    for url, sent, asks in posts:
        answer = client.post(url, sent)
        assert answer.headers.get("Location", "").startswith(AGAIN) is asks, url
    said = client.post(
        "/api/v1/runs", {"plan": str(made.pk), "hash": made.hash}, "application/json", headers={"Idempotency-Key": "abcdefgh"}
    )
    assert said.status_code == 403
    assert "Show it again" in said.json()["detail"]


def test_where_it_is_not_asked_for_nothing_of_it_is(settings: Settings, operator: Operator) -> None:
    settings.SECOND_FACTOR = False
    client = Client()
    client.post(DOOR, {"username": "operator", "password": "operator-long-enough"})
    assert client.get("/").status_code == 200


def test_an_admin_removes_lost_factors_of_another_and_nobody_their_own(admin: Operator, operator: Operator, viewer: Operator) -> None:
    theirs, ours = signed_in(operator, Telephone(operator)), signed_in(admin, Telephone(admin))
    url = reverse("people:remove-second-factors", args=(operator.pk,))
    assert signed_in(viewer, Telephone(viewer)).post(url).status_code == 403
    assert ours.post(reverse("people:remove-second-factors", args=(admin.pk,))).status_code == 409
    assert Authenticator.objects.count() == 3
    assert ours.post(url, {"why": "rang me up"}).status_code == 302
    assert not Authenticator.objects.filter(user=operator).exists()
    assert theirs.get("/").headers["Location"].startswith(DOOR)  # their session has ended
    row = AuditEntry.objects.get(action="remove second factors", result="ok")
    assert (row.who, row.target, row.why) == ("admin", "operator", "rang me up")


def test_a_private_key_does_not_wait_in_the_session(releaser: Operator, valkey: Valkey) -> None:
    """Sessions lie in the database: what is handed in with a key is handed in again after the proof."""
    now, names = timezone.now(), ["client.url"]
    facts = {"type": "IMPORTED", "domain": names[0], "names": names, "ends": (now + timedelta(days=20)).isoformat()}
    arn = "arn:aws:acm:eu-west-3:111122223333:certificate/1"
    made = Resource.objects.create(kind="certificate", key=arn, name=names[0], source="x", facts=facts, first_seen=now, changed=now)
    telephone, renewed = Telephone(releaser), authority.renewed(*names)
    client, url = signed_in(releaser, telephone), reverse("handover:renew", args=(made.key,))
    form = {name: getattr(renewed, name).decode() for name in ("certificate", "chain", "key")} | {"confirmation": made.name}
    grown_old(client, 301)
    answer = client.post(url, form | {"idempotency_key": "stale-and-refused"})
    assert answer.headers["Location"].startswith(AGAIN)
    kept = [session.get_decoded() for session in Session.objects.all()]
    assert kept
    assert "PRIVATE" not in str(kept)
    back = client.post(answer.headers["Location"], {"code": telephone.code(), "next": url}, follow=True)
    assert back.redirect_chain[-1][0] == reverse("handover:resource", args=("certificate", made.key))
    assert "hand it in again" in back.content.decode()
    assert not Run.objects.exists()
    answer = client.post(url, form | {"idempotency_key": "fresh-and-accepted"})
    assert answer.headers["Location"] == reverse("runs:detail", args=(Run.objects.get().number,))
    assert "PRIVATE" not in str([session.get_decoded() for session in Session.objects.all()])


def test_secrets_are_encrypted_anew_so_that_an_old_secret_key_can_go(operator: Operator, releaser: Operator, settings: Settings) -> None:
    telephone = Telephone(operator)
    RecoveryCodes.activate(operator)
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new one", [before]
    told = StringIO()
    call_command("reseal", stdout=told)
    settings.SECRET_KEY_FALLBACKS = []
    assert told.getvalue() == "Second factors encrypted anew: 2\n"
    assert signed_in(operator, telephone).get("/").status_code == 200
    assert AuditEntry.objects.get(action="reseal").facts == {"resealed": "2", "lost": "0"}
    settings.SECRET_KEY = "forgotten, and nowhere a fallback"
    Telephone(releaser)
    settings.SECRET_KEY = "the new one"
    told = StringIO()
    call_command("reseal", stdout=told)
    assert "Second factors encrypted anew: 2" in told.getvalue()
    assert f"{releaser.username}: encrypted with a key that is in neither variable" in told.getvalue()
    assert signed_in(operator, telephone).get("/").status_code == 200, "what can be opened stays good"
