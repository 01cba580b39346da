"""People and one's own sign-in: let in, change, shut out; sessions and tokens; what may this person do, and why not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from people import sessions
from people.models import AuditEntry, Operator, Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def ruling(admin: Operator) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def url(name: str, *args: object) -> str:
    return reverse(f"people:{name}", args=args)


def test_somebody_is_let_in_chooses_a_password_and_signs_in(ruling: Client) -> None:
    page = ruling.post(url("let-in"), {"name": "jane", "role": "operator"}).content.decode()
    link = re.search(r"http://testserver(/welcome/\S+?/)<", page)
    assert link
    jane, path = Client(), link[1]
    form = jane.get(path, follow=True)
    words = "four words nobody guesses"
    assert form.status_code == 200
    sent = jane.post(form.redirect_chain[-1][0], {"new_password1": words, "new_password2": words})
    assert sent.headers["Location"] == url("sign-in")
    assert "This link is over" in Client().get(path, follow=True).content.decode()  # once
    jane.post(url("sign-in"), {"username": "jane", "password": words})
    assert jane.get("/").status_code == 200
    assert [row.action for row in AuditEntry.objects.order_by("number") if row.action != "sign in"] == [
        "let in",
        "make one-time link",
        "choose password",
    ]


@pytest.mark.parametrize(
    "said, words",
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "browser unknown"),
    ],
)
def test_a_browser_is_called_what_people_call_it(said: str, words: str) -> None:
    now = timezone.now()
    assert sessions.Place("x", now, now, "127.0.0.1", said, is_this=False).browser_in_words == words


def test_a_weak_password_is_not_taken(ruling: Client) -> None:
    page = ruling.post(url("let-in"), {"name": "jane", "role": "operator"}).content.decode()
    path = re.search(r"http://testserver(/welcome/\S+?/)<", page)
    assert path
    client = Client()
    form = client.get(path[1], follow=True).redirect_chain[-1][0]
    for words in ("short", "password1234"):
        assert client.post(form, {"new_password1": words, "new_password2": words}).status_code == 200
    assert not Operator.objects.get(username="jane").has_usable_password()


@pytest.mark.parametrize(
    "sent", [{"name": "jane doe", "role": "viewer"}, {"name": "", "role": "viewer"}, {"name": "jane", "role": "king"}, {}]
)
def test_what_names_nobody_or_no_role_is_refused_in_words(ruling: Client, sent: dict[str, str]) -> None:
    answer = ruling.post(url("let-in"), sent)
    assert answer.status_code == 422
    assert "Nothing has been changed" in answer.content.decode()
    assert Operator.objects.count() == 1


def test_a_role_is_changed_and_that_is_recorded(ruling: Client, viewer: Operator) -> None:
    ruling.post(url("role", viewer.pk), {"role": "releaser", "why": "on call"})
    viewer.refresh_from_db()
    assert viewer.role == "releaser"
    row = AuditEntry.objects.get(action="change role")
    assert (row.who, row.target, row.why, row.facts) == ("admin", "viewer", "on call", {"before": "viewer", "now": "releaser"})


def test_an_admin_changes_neither_themselves_nor_the_last_admin(ruling: Client, admin: Operator, viewer: Operator) -> None:
    assert ruling.post(url("role", admin.pk), {"role": "viewer"}).status_code == 409
    assert ruling.post(url("active", admin.pk), {"active": "no"}).status_code == 409
    viewer.role = "admin"
    viewer.save()
    Operator.objects.filter(pk=admin.pk).update(is_active=True)
    assert ruling.post(url("role", viewer.pk), {"role": "viewer"}).status_code == 302  # there is another one: the one who asks
    admin.refresh_from_db()
    assert admin.role == "admin"


def test_who_is_shut_out_is_out_everywhere_at_once(ruling: Client, operator: Operator) -> None:
    theirs, secret = Client(), Token.issue(operator, "x", lives=timedelta(days=1))[1]
    theirs.force_login(operator)
    assert theirs.get("/").status_code == 200
    ruling.post(url("active", operator.pk), {"active": "no", "why": "left"})
    assert theirs.get("/").status_code == 302
    assert Token.holder(secret, at=timezone.now()) is None
    assert not sessions.of(operator)
    ruling.post(url("active", operator.pk), {"active": "yes"})
    operator.refresh_from_db()
    assert operator.is_active


def test_the_page_says_what_each_may_do_and_why_not(client: Client, viewer: Operator, operator: Operator) -> None:
    client.force_login(viewer)
    page = client.get(url("person", operator.pk)).content.decode()
    assert "takes a releaser" in page
    assert 'aria-disabled="true"' in page  # the buttons, with the reason beside them
    assert "You are a viewer; to let people in and change roles one has to be an admin. Ask an admin." in page  # why the buttons are shut
    assert client.post(url("role", operator.pk), {"role": "admin"}).status_code == 403
    operator.refresh_from_db()
    assert operator.role == "operator"


def test_a_token_is_made_shown_once_and_revoked(client: Client, operator: Operator) -> None:
    client.force_login(operator)
    answer = client.post(url("account-token"), {"name": "build", "days": "30", "scope": "act", "environment": "pre-production"})
    secret = re.search(r'id="secret">(oc_\S+)<', answer.content.decode())
    assert secret
    assert answer.headers["Cache-Control"] == "no-store"
    assert secret[1] not in client.get(url("account")).content.decode()
    holder = Token.holder(secret[1], at=timezone.now())
    assert holder == operator
    client.post(url("account-revoke-token", Token.objects.get().pk))
    assert Token.holder(secret[1], at=timezone.now()) is None
    assert [row.action for row in AuditEntry.objects.order_by("number")][-2:] == ["issue token", "revoke token"]


@pytest.mark.parametrize("days", ["0", "366", "", "x", "٣", "9999999999"])
def test_no_token_lives_for_ever(client: Client, operator: Operator, days: str) -> None:
    client.force_login(operator)
    assert client.post(url("account-token"), {"name": "build", "days": days, "scope": "act"}).status_code == 422
    assert not Token.objects.exists()


def test_nobody_revokes_the_token_of_another(client: Client, operator: Operator, viewer: Operator) -> None:
    Token.issue(operator, "x", lives=timedelta(days=1))
    client.force_login(viewer)
    assert client.post(url("account-revoke-token", Token.objects.get().pk)).status_code == 404
    assert Token.objects.exists()


def test_a_token_does_no_more_than_its_scope(operator: Operator) -> None:
    def asked(scope: str, environment: str = "") -> tuple[int, int]:
        secret = Token.issue(operator, scope, lives=timedelta(hours=1), scope=scope, environment=environment)[1]
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        wanted = {"service": "magento", "environment": "pre-production", "operation": "no-such"}
        return client.get("/api/v1/services").status_code, client.post("/api/v1/operations", wanted, "application/json").status_code

    assert asked("read") == (200, 403)
    assert asked("prepare") == (200, 403)
    assert asked("act", "production") == (200, 403)
    assert asked("act", "pre-production") == (200, 422)  # past the permission: there is no such operation
    assert asked("act") == (200, 422)


def test_sessions_are_seen_and_ended(operator: Operator) -> None:
    here, there = Client(), Client(REMOTE_ADDR="203.0.113.7", headers={"User-Agent": "Firefox"})
    for client in (here, there):
        client.post(url("sign-in"), {"username": "operator", "password": "operator-long-enough"})
    page = here.get(url("account")).content.decode()
    assert "203.0.113.7" in page
    assert "Firefox" in page
    assert str(there.session.session_key) not in page
    [other] = [place for place in sessions.of(operator, this=here.session.session_key or "") if not place.is_this]
    here.post(url("account-end-sessions"), {"session": other.name})
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == 200


@pytest.mark.parametrize("poll", [False, True])
def test_a_session_ends_when_nobody_does_anything(client: Client, viewer: Operator, settings: Settings, poll: bool) -> None:
    """What a page fetches by itself is nobody's doing."""
    client.force_login(viewer)
    session = client.session
    session["active"] -= 20 * 60
    session.save()
    client.get(reverse("bar"), headers={"HX-Request": "true"} if poll else {})
    session = client.session
    session["active"] -= 15 * 60
    session.save()
    assert client.get("/").status_code == (302 if poll else 200)


def test_a_part_of_a_page_sends_the_whole_page_to_the_sign_in(client: Client, viewer: Operator) -> None:
    part = {"HX-Request": "true", "HX-Current-URL": "http://testserver/runs/7/?host=fe-1"}
    answer = client.get(reverse("bar"), headers=part)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Redirect"] == "/sign-in/?next=/runs/7/%3Fhost%3Dfe-1"
    foreign = client.get(reverse("bar"), headers=part | {"HX-Current-URL": "https://elsewhere.example/"})
    assert foreign["HX-Redirect"] == "/sign-in/?next=/"
    client.force_login(viewer)
    assert client.get(reverse("bar"), headers=part).status_code == 200


def test_a_session_lasts_a_working_day_at_most(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    session = client.session
    session["began"] -= 12 * 3600 + 1
    session.save()
    assert client.get("/").status_code == 302
    assert "12 hours" in client.get(url("sign-in")).content.decode()
    assert AuditEntry.objects.filter(action="session ended").exists()
