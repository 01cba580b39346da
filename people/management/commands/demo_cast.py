"""The people of the demo: one operator for each role, with a password and, for the releaser, an API token."""

from __future__ import annotations

import json
import os
import secrets
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from people.models import Operator, Role, Token

CAST = (Role.VIEWER, Role.OPERATOR, Role.RELEASER, Role.ADMIN)
TOKEN_OF, TOKEN_NAME = Role.ADMIN, "demo"


class Command(BaseCommand):
    help = "Creates viewer, operator, releaser and admin, and prints how each signs in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep", type=Path, metavar="FILE", help="where the secrets stay the same from one start to the next (mode 0600)"
        )

    def handle(self, *args: Any, keep: Path | None, **options: Any) -> None:
        known = _kept(keep) if keep else _new()
        with transaction.atomic():
            for role in CAST:
                _operator(role, known[role.value])
            token = _token(Operator.objects.get(username=TOKEN_OF.value), known["token"])
        for role in CAST:
            self.stdout.write(f"Sign in: {role.value} / {known[role.value]}")
        self.stdout.write(f"API token: {token}")


def _operator(role: Role, password: str) -> None:
    """A password that is the same as before is left alone: a new hash would end the person's sessions."""
    operator, _ = Operator.objects.get_or_create(username=role.value, defaults={"role": role, "email": f"{role.value}@client.url"})
    if operator.role != role or not operator.check_password(password):
        operator.role = role
        operator.set_password(password)
        operator.save()


def _token(operator: Operator, secret: str) -> str:
    operator.tokens.filter(name=TOKEN_NAME).delete()
    return Token.issue(operator, TOKEN_NAME, lives=timedelta(days=90), secret=secret)[1]


def _new() -> dict[str, str]:
    return {**{role.value: secrets.token_urlsafe(12) for role in CAST}, "token": f"oc_{secrets.token_urlsafe(32)}"}


def _kept(path: Path) -> dict[str, str]:
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(_new(), file)
    found: dict[str, str] = json.loads(path.read_text())
    return found
