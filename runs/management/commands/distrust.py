"""After a backup was put back, or steps were done by hand: makes each run under way unknown, and skips numbers, before anything starts.

The console sees by itself that its database is an old one where its DATA_DIR or Redis still know how far the runs had come. Where neither
does (another machine, all lost), this says it.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from runs import witness
from runs.leases import TICKABLE
from runs.models import Run

SKIPPED = 1000  # numbers: more runs than there can have been since the backup
WHY = "Somebody has said that more may have happened than the console knows (manage.py distrust): by hand, or since a backup."


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--skip", type=int, default=SKIPPED, help=f"so many numbers of runs are not used any more (default: {SKIPPED})")

    def handle(self, *, skip: int, **options: Any) -> None:
        with transaction.atomic():
            newest = Run.objects.order_by("-number").values_list("number", flat=True).first() or 0
            for run in Run.objects.select_for_update(of=("self",)).select_related("plan").filter(state__in=TICKABLE):
                witness.doubt(run, run.revision + 1, WHY)
                self.stdout.write(f"{run}, “{run.title}”, is unknown now: look at its page, then decide.")
        witness.saw(newest + skip, 1)
        self.stdout.write(f"The next run has the number {newest + skip + 1} or a higher one.")
