"""The cast of the demo: printed as the contract says, the same from one start to the next, and able to sign in."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.utils import timezone

from people.models import Operator, Token

pytestmark = pytest.mark.django_db


def told(**options: object) -> list[str]:
    out = io.StringIO()
    call_command("demo_cast", stdout=out, **options)
    return out.getvalue().splitlines()


def test_each_role_can_sign_in_with_what_is_printed() -> None:
    lines = told()
    roles = {}
    for line in lines[:4]:
        match = re.fullmatch(r"Sign in: (\w+) / (\S{12,})", line)
        assert match
        roles[match[1]] = match[2]
    assert list(roles) == ["viewer", "operator", "releaser", "admin"]
    for role, password in roles.items():
        found = authenticate(username=role, password=password)
        assert isinstance(found, Operator)
        assert found.role == role
        assert not found.is_superuser


def test_the_token_is_the_admins() -> None:
    match = re.fullmatch(r"API token: (oc_\S{40,})", told()[-1])
    assert match
    holder = Token.holder(match[1], at=timezone.now())
    assert holder
    assert holder.role == "admin"


def test_kept_secrets_are_the_same_again_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    keep = tmp_path / "cast.json"
    first = told(keep=keep)
    hashes = list(Operator.objects.order_by("pk").values_list("password", flat=True))
    assert told(keep=keep) == first
    assert list(Operator.objects.order_by("pk").values_list("password", flat=True)) == hashes  # sessions stay
    assert keep.stat().st_mode & 0o777 == 0o600
    assert Token.objects.count() == 1


def test_secrets_are_random_where_none_are_kept() -> None:
    assert told() != told()
