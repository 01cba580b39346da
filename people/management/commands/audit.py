"""The audit trail from the command line: `audit verify` reads all of it and names the first row that is not as it was written."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from people import audit


class Command(BaseCommand):
    help = "verify: is every row of the audit trail as it was written? Exit code 1, and the first bad row, where one is not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify", "head"])
        parser.add_argument(
            "--head", action="append", default=[], metavar="NUMBER:DIGEST", help="one that was sent outside earlier; may be repeated"
        )

    def handle(self, *args: Any, what: str, head: list[str], **options: Any) -> None:
        now = audit.head()
        if what == "head":
            self.stdout.write(str(now))
            return
        fault = audit.first_bad(outside=[_head(text) for text in head])
        if fault is not None:
            raise CommandError(f"The audit trail is not whole: {fault.said}. First bad row: {fault.number}.")
        self.stdout.write(f"The audit trail is whole: {now.number} rows, head {now}.")


def _head(text: str) -> audit.Head:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise CommandError(f"“{text}” is no head. Copy what `audit head` printed: NUMBER:DIGEST.")
    return audit.Head(int(found[1]), found[2])
