"""Single sign-on against an OpenID Connect provider that runs on this machine: groups there are roles here, at every sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from oidc_provider_mock import run_server_in_thread
from pytest_django.fixtures import Settings

from people.models import AuditEntry, Operator, Role, Token
from people.single_sign_on import role_of

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # the provider's own, of its libraries
GROUPS = {"ops": "releaser", "everybody": "viewer", "chiefs": "admin"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(autouse=True)
def sso(settings: Settings, provider: str) -> None:
    settings.OIDC_ISSUER, settings.OIDC_ROLES = provider, GROUPS
    app = {"provider_id": "sso", "name": "SSO", "client_id": "console", "secret": "a-secret", "settings": {"server_url": provider}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def known_there(provider: str, sub: str, **claims: Any) -> None:
    httpx.put(f"{provider}/users/{sub}", json=claims, trust_env=False).raise_for_status()


def comes(provider: str, sub: str, *, client: Client | None = None, **spoiled: str) -> Client:
    """The whole way there and back, as a browser goes it."""
    client = client or Client()
    there = client.post(reverse("openid_connect_login", args=("sso",))).headers["Location"]
    assert parse_qs(urlsplit(there).query)["code_challenge_method"] == ["S256"]
    back = httpx.post(there, data={"sub": sub}, trust_env=False).headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()} | spoiled
    client.get(urlsplit(back).path, query)
    return client


def operator_of(client: Client) -> Operator | None:
    return Operator.objects.filter(pk=client.session.get("_auth_user_id", "0")).first()


def test_who_has_a_group_comes_in_with_its_role(provider: str) -> None:
    known_there(provider, "jane", preferred_username="jane", groups=["everybody", "ops"])
    jane = operator_of(comes(provider, "jane"))
    assert jane is not None
    assert (jane.username, jane.role, jane.has_usable_password()) == ("jane", "releaser", False)
    row = AuditEntry.objects.get(action="sign in", result="ok")
    assert row.who == "jane"


def test_a_group_that_was_taken_away_there_is_taken_away_here(provider: str) -> None:
    known_there(provider, "joe", preferred_username="joe", groups=["chiefs"])
    comes(provider, "joe")
    known_there(provider, "joe", preferred_username="joe", groups=["everybody"])
    joe = operator_of(comes(provider, "joe"))
    assert joe is not None
    assert joe.role == "viewer"
    assert AuditEntry.objects.get(action="change role").facts == {"before": "admin", "now": "viewer"}
    known_there(provider, "joe", preferred_username="joe", groups=["others"])
    assert operator_of(comes(provider, "joe")) is None


def test_who_lost_every_group_loses_what_is_still_open_here(provider: str, admin: Operator) -> None:
    """Sessions in other browsers end, and tokens may do nothing more; those of others stay."""
    known_there(provider, "kim", preferred_username="kim", groups=["ops"])
    open_one, bystander = comes(provider, "kim"), Client()
    bystander.force_login(admin)
    kim = operator_of(open_one)
    assert kim is not None
    by_token = Client(headers={"Authorization": f"Bearer {Token.issue(kim, 'build', lives=timedelta(hours=1))[1]}"})
    assert (open_one.get("/").status_code, by_token.get("/api/v1/services").status_code) == (200, 200)
    known_there(provider, "kim", preferred_username="kim", groups=[])
    assert operator_of(comes(provider, "kim")) is None
    assert (open_one.get("/").status_code, by_token.get("/api/v1/services").status_code) == (302, 403)
    assert bystander.get("/").status_code == 200
    assert AuditEntry.objects.get(action="end sessions").facts == {"ended": "1"}
    known_there(provider, "kim", preferred_username="kim", groups=["everybody"])
    back = operator_of(comes(provider, "kim"))
    assert back is not None
    assert back.role == "viewer"


def test_who_has_no_group_stays_outside(provider: str) -> None:
    known_there(provider, "eve", preferred_username="eve", groups=["others"])
    client = comes(provider, "eve")
    assert operator_of(client) is None
    assert not Operator.objects.filter(username="eve").exists()
    assert "no group of theirs has a role here" in client.get(reverse("people:sign-in")).content.decode()
    assert AuditEntry.objects.get().result == "refused"


def test_nobody_becomes_an_operator_who_exists_by_taking_the_name_there(provider: str, admin: Operator) -> None:
    known_there(provider, "mallory", preferred_username="admin", groups=["chiefs"])
    assert operator_of(comes(provider, "mallory")) is None
    admin.refresh_from_db()
    assert admin.has_usable_password()


def test_an_answer_that_nobody_asked_for_is_refused(provider: str) -> None:
    known_there(provider, "ann", preferred_username="ann", groups=["ops"])
    assert operator_of(comes(provider, "ann", state="another")) is None
    assert operator_of(comes(provider, "ann", code="another")) is None


def test_who_is_shut_out_here_stays_out(provider: str) -> None:
    known_there(provider, "tom", preferred_username="tom", groups=["ops"])
    assert operator_of(comes(provider, "tom")) is not None
    Operator.objects.filter(username="tom").update(is_active=False)
    assert operator_of(comes(provider, "tom")) is None


@pytest.mark.parametrize(
    "claims, role",
    [
        ({"groups": ["chiefs", "ops"]}, Role.ADMIN),
        ({"groups": []}, Role.NONE),
        ({}, Role.NONE),
        ({"groups": "ops"}, Role.NONE),
        ({"groups": [{"ops": 1}, 3, None]}, Role.NONE),
        ({"groups": ["OPS"]}, Role.NONE),
    ],
    ids=str,
)
def test_groups_that_are_no_list_of_known_words_are_no_role(claims: dict[str, Any], role: Role) -> None:
    assert role_of(claims) is role
