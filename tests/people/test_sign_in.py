"""The door: who gets in, what a stranger learns, and how long guessing takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from people import throttle
from people.forms import WRONG
from people.models import FailedSignIn, Operator

pytestmark = pytest.mark.django_db


def attempt(name: str, password: str, *, address: str = "127.0.0.1", client: Client | None = None) -> tuple[int, str]:
    response = (client or Client()).post(reverse("people:sign-in"), {"username": name, "password": password}, REMOTE_ADDR=address)
    return response.status_code, response.content.decode()


def test_the_right_password_opens_and_the_session_is_a_new_one(operator: Operator) -> None:
    client = Client()
    client.get(reverse("people:sign-in"))
    before = client.session.session_key
    status, _ = attempt("operator", "operator-long-enough", client=client)
    assert status == 302
    assert client.session["_auth_user_id"] == str(operator.pk)
    assert client.session.session_key != before


def test_unknown_and_wrong_get_the_same_answer(operator: Operator) -> None:
    wrong, unknown = attempt("operator", "not-the-password"), attempt("somebody", "not-the-password")
    assert wrong[0] == unknown[0] == 200
    assert WRONG in wrong[1]
    assert WRONG in unknown[1]


def test_who_was_disabled_learns_nothing_either(operator: Operator) -> None:
    Operator.objects.update(is_active=False)
    status, page = attempt("operator", "operator-long-enough")
    assert status == 200
    assert WRONG in page


def test_guessing_is_stopped_for_a_name_from_an_address_alone(operator: Operator) -> None:
    for _ in range(throttle.FROM_ONE_ADDRESS):
        assert attempt("operator", "a-guess")[0] == 200
    status, page = attempt("operator", "operator-long-enough")
    assert status == 429
    assert "Too many attempts. Wait 15 minutes" in page
    assert attempt("operator", "operator-long-enough", address="203.0.113.9")[0] == 302


def test_an_unknown_name_is_closed_just_the_same() -> None:
    for _ in range(throttle.FROM_ONE_ADDRESS):
        attempt("Somebody", "a-guess")
    assert attempt("somebody", "a-guess")[0] == 429


def test_guessing_from_many_addresses_is_stopped_in_the_end(operator: Operator) -> None:
    now = timezone.now()
    rows = [FailedSignIn(name="operator", address=f"203.0.113.{number}", time=now) for number in range(throttle.FROM_EVERYWHERE)]
    FailedSignIn.objects.bulk_create(rows[:-1])
    assert throttle.closed_for("operator", "198.51.100.1") is None
    rows[-1].save()
    assert attempt("operator", "operator-long-enough", address="198.51.100.1")[0] == 429


def test_it_opens_again_after_a_while(operator: Operator) -> None:
    for _ in range(throttle.FROM_ONE_ADDRESS):
        attempt("operator", "a-guess")
    FailedSignIn.objects.update(time=timezone.now() - throttle.WINDOW - timedelta(seconds=1))
    assert attempt("operator", "operator-long-enough")[0] == 302


def test_success_forgets_the_failures(operator: Operator) -> None:
    attempt("operator", "a-guess")
    attempt("operator", "operator-long-enough")
    assert not FailedSignIn.objects.exists()


def test_where_to_go_next_is_never_another_site(operator: Operator) -> None:
    url = reverse("people:sign-in")
    good = Client().post(f"{url}?next=/runs/", {"username": "operator", "password": "operator-long-enough"})
    bad = Client().post(f"{url}?next=https://evil.example/", {"username": "operator", "password": "operator-long-enough"})
    assert good.headers["Location"] == "/runs/"
    assert bad.headers["Location"] == "/"


def test_signing_out_takes_a_post(client: Client, operator: Operator) -> None:
    client.force_login(operator)
    assert client.get(reverse("people:sign-out")).status_code == 405
    assert "_auth_user_id" in client.session
    assert client.post(reverse("people:sign-out")).status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_form_of_another_site_signs_nobody_in(operator: Operator) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(reverse("people:sign-in"), {"username": "operator", "password": "operator-long-enough"})
    assert answer.status_code == 403
