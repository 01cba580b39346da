"""The one authorisation function: deny by default, each role more than the one before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from pytest_django.fixtures import Settings

from people import permissions
from people.models import Operator, Role, Token
from people.permissions import Forbidden, may, require

ACTIONS = ("view", "plan", "release", "abort", "settle")
LEAST = {("view", "production"): "viewer", ("view", "pre-production"): "viewer"} | {
    (action, environment): "releaser" if environment == "production" else "operator"
    for action in ACTIONS[1:]
    for environment in ("production", "pre-production")
}
ORDER = ["none", "viewer", "operator", "releaser", "admin"]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role), ids=lambda role: str(role.value))
@pytest.mark.parametrize(("action", "environment"), list(LEAST))
def test_the_whole_table(person: Callable[[str, Role], Operator], role: Role, action: str, environment: str) -> None:
    allowed = ORDER.index(role.value) >= ORDER.index(LEAST[action, environment])
    assert bool(may(person("somebody", role), action, environment)) is allowed


@pytest.mark.django_db
def test_what_stands_in_no_table_is_refused_to_everybody(admin: Operator) -> None:
    assert not may(admin, "launch-missiles", "production")
    assert may(admin, "release", "production")


@pytest.mark.django_db
@pytest.mark.parametrize("environment", ["prod", "Production", "staging", ""])
def test_an_environment_in_no_rule_is_guarded_as_production_is(operator: Operator, releaser: Operator, environment: str) -> None:
    for action in ACTIONS[1:]:
        assert not may(operator, action, environment)
        assert may(releaser, action, environment)
    assert may(operator, "view", environment)
    assert may(operator, "release", "shared")


@pytest.mark.django_db
def test_the_estates_file_says_who_may_where(operator: Operator, releaser: Operator, settings: Settings, tmp_path: Path) -> None:
    shipped = settings.ESTATE_FILE.read_text(encoding="utf-8")
    settings.ESTATE_FILE = tmp_path / "estate.yaml"
    opened = shipped.replace("shared: {name: Shared}", "shared: {name: Shared}\n  staging: {name: Staging, least_role: operator}")
    closed = opened.replace("pre-production: {name: Pre-production}", "pre-production: {name: Pre-production, least_role: releaser}")
    assert shipped != opened != closed
    settings.ESTATE_FILE.write_text(closed, encoding="utf-8")
    assert may(operator, "release", "staging")
    assert may(operator, "view", "pre-production")
    assert not may(operator, "release", "pre-production")
    assert may(releaser, "release", "pre-production")
    assert not may(operator, "release", "production")
    settings.ESTATE_FILE = tmp_path / "none.yaml"
    assert not may(operator, "release", "staging")
    assert not may(operator, "launch-missiles", "staging")


@pytest.mark.django_db
def test_strangers_and_the_disabled_are_refused(admin: Operator) -> None:
    assert may(admin, "view")
    admin.is_active = False
    assert not may(admin, "view")
    assert not may(AnonymousUser(), "view")
    assert not may(None, "view")


@pytest.mark.django_db
def test_a_refusal_says_who_may(operator: Operator) -> None:
    with pytest.raises(Forbidden, match=r"You are an operator; to release in production one has to be a releaser\."):
        require(operator, "release", "production")
    assert require(operator, "release", "pre-production") == operator
    with pytest.raises(Forbidden, match=r"to allow addresses of others and networks one has to be an admin\."):
        require(operator, "allow", "shared")  # the same everywhere: no place is named
    assert set(permissions.WORDS) == set(permissions.actions())


@pytest.mark.django_db
def test_a_token_ends_with_its_time_and_with_its_operator(operator: Operator) -> None:
    now = timezone.now()
    _, secret = Token.issue(operator, "test", lives=timedelta(hours=1))
    assert Token.holder(secret, at=now) == operator
    assert Token.holder(secret, at=now + timedelta(hours=2)) is None
    assert Token.holder(secret + "x", at=now) is None
    assert secret not in str(Token.objects.values().get())
    Operator.objects.update(is_active=False)
    assert Token.holder(secret, at=now) is None
