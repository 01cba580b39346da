"""Gives an operator a token of the API, which may do what the operator may and ends by itself."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from people import audit
from people.models import Operator, Token

LONGEST = 365  # days


class Command(BaseCommand):
    help = "Prints a new API token of that operator, this once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--scope", choices=Token.Scope.values, default="act", help="read, prepare (plans alone) or act (default)")
        parser.add_argument("--environment", default="", metavar="KEY", help="the only one in which it may change anything")
        parser.add_argument("--days", required=True, type=int, metavar="N", help=f"how long it lives, 1 to {LONGEST}")

    def handle(self, *args: Any, name: str, days: int, scope: str = "act", environment: str = "", **options: Any) -> None:
        if not 1 <= days <= LONGEST:
            raise CommandError(f"A token cannot live {days} days. Choose 1 to {LONGEST}.")
        operator = Operator.objects.filter(username=name, is_active=True).first()
        if operator is None:
            raise CommandError(f"There is no active operator “{name}”. Let them in first: manage.py operator {name} --role ROLE.")
        with transaction.atomic():
            token, secret = Token.issue(operator, "by manage.py token", lives=timedelta(days=days), scope=scope, environment=environment)
            ends = f"{token.expires:%Y-%m-%d %H:%M} UTC"
            audit.record(
                "issue token",
                by=None,
                target=f"{token.name} of {name}",
                facts={"ends": ends, "scope": scope, "environment": environment},
                origin="manage.py token",
            )
        self.stdout.write(f"Ends: {ends}")
        self.stdout.write(f"API token: {secret}")
