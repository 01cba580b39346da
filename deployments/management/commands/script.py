"""What a run has left to do, as a shell script on standard output: for when the console's pages are away and its database is not."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deployments.script import MOVING, script_of
from runs.models import Effect, Run


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="its number; without knowing it: the newest", nargs="?")

    def handle(self, *, run: int | None, **options: Any) -> None:
        runs = Run.objects.select_related("plan").order_by("-number")
        found = (runs if run is None else runs.filter(number=run)).first()
        if found is None:
            raise CommandError(f"There is no run {run}." if run else "There is no run yet.")
        states = dict(found.steps.values_list("key", "state"))
        done = set(Effect.objects.filter(run=found, state__in=Effect.FINISHED).values_list("act", flat=True))
        origin = f"run {found.number}, which is {found.state}"
        text = script_of(found.plan.document, states=states, done=done, origin=origin, moves=found.state in MOVING)
        self.stdout.write(text, ending="")
