"""Forgets what the console need not know of persons any more; the scheduler does the same once a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from people import retention


class Command(BaseCommand):
    help = "Takes persons out of old audit rows, and forgets failed sign-ins, sessions and tokens that have ended."

    def handle(self, *args: Any, **options: Any) -> None:
        for what, count in retention.forget().items():
            self.stdout.write(f"{what}: {count}")
