"""Encrypts anew, with the SECRET_KEY of now, what lies in the database encrypted with one of before: that one can go then."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from people import audit, second_factor


class Command(BaseCommand):
    help = "Encrypts the secrets of second factors with SECRET_KEY, so that the keys in SECRET_KEY_FALLBACKS are needed for them no more."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            resealed, lost = second_factor.reseal()
            audit.record(
                "reseal",
                by=None,
                target="second factors",
                facts={"resealed": resealed, "lost": len(lost)},
                origin="manage.py reseal",
            )
        self.stdout.write(f"Second factors encrypted anew: {resealed}")
        for name in lost:
            self.stdout.write(f"{name}: encrypted with a key that is in neither variable; manage.py operator {name} --lost-second-factor")
