"""Lets a person in, changes what they may do, or shuts them out (`--role none`). Asks nothing; who may run it owns the machine."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from people import actions, audit, sessions
from people.models import Operator, Role

ORIGIN = "manage.py operator"


class Command(BaseCommand):
    help = "Creates the operator, or gives one that exists another role. Who is new gets a one-time link, where they choose their password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument("--link", action="store_true", help="a one-time link also for an operator that exists: a forgotten password")
        lost = "takes the second factors of an operator that exists away: a lost telephone; they set up new ones"
        parser.add_argument("--lost-second-factor", action="store_true", help=lost)

    def handle(self, *args: Any, name: str, role: str, link: bool = False, lost_second_factor: bool = False, **options: Any) -> None:
        with transaction.atomic():
            operator = Operator.objects.select_for_update().filter(username=name).first()
            person = operator or Operator(username=name)
            before = person.role
            person.role = role
            if operator is None:
                person.set_unusable_password()
            try:
                person.full_clean()
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from error
            person.save()
            sessions.look_again(person)
            facts = {"before": before, "now": role}
            audit.record("change role" if operator else "let in", by=None, target=name, facts=facts, origin=ORIGIN)
            if lost_second_factor:
                actions.without_second_factors(person)
                audit.record("remove second factors", by=None, target=name, origin=ORIGIN)
            if link or operator is None:
                audit.record("make one-time link", by=None, target=name, origin=ORIGIN)
        self.stdout.write(f"{name}, {'now' if operator else 'new'}: {Role(role).label.lower()}")
        if link or operator is None:
            self.stdout.write(f"They choose a password within a day, once, at: {actions.welcome(person)}")
