"""Lets a person in, changes what they may do, or shuts them out (`--role none`). Asks nothing; who may run it owns the machine."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from people import audit
from people.models import Operator, Role


class Command(BaseCommand):
    help = "Creates the operator, with a random password that is printed this once, or gives an operator that exists another role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument("--new-password", action="store_true", help="a new password for an operator that exists; ends their sessions")

    def handle(self, *args: Any, name: str, role: str, new_password: bool = False, **options: Any) -> None:
        with transaction.atomic():
            operator = Operator.objects.select_for_update().filter(username=name).first()
            word = secrets.token_urlsafe(18) if operator is None or new_password else ""
            person = operator or Operator(username=name)
            before = person.role
            person.role = role
            if word:
                person.set_password(word)
            try:
                person.full_clean()
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
            person.save()
            facts = {"before": before, "now": role, "password": "new" if word else "as before"}
            audit.record("change role" if operator else "let in", by=None, target=name, facts=facts, origin="manage.py operator")
        self.stdout.write(f"{name}, {'now' if operator else 'new'}: {Role(role).label.lower()}")
        if word:
            self.stdout.write(f"Sign in: {name} / {word}")
