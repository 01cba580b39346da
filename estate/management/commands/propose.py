"""Reads the account that the environment names, and proposes an estate.yaml for it. Asks AWS only; changes nothing there."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from estate.proposal.draft import NOWHERE
from estate.proposal.draw import NothingSeen, draw
from estate.proposal.seen import look
from estate.proposal.written import written
from estate.reading import EstateError, load
from remote.aws.session import region_of
from remote.errors import RemoteError


class Command(BaseCommand):
    help = "Proposes an estate.yaml for the AWS account that the environment (AWS_*) names. See ./console init."
    requires_system_checks = ()  # there is no estate.yaml yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("output", type=Path, metavar="FILE", help="which must not exist yet")

    def handle(self, *args: Any, output: Path, **options: Any) -> None:
        if output.exists():
            raise CommandError(self._there(output))
        try:
            region, city = region_of()
            seen = look(region)
            for source, why in sorted(seen.failed.items()):
                self.stdout.write(f"Could not be read: {source}: {why}")
            draft = draw(seen, city=city)
        except (RemoteError, NothingSeen) as error:
            raise CommandError(error.told if isinstance(error, RemoteError) else str(error)) from error
        text = written(draft, seen, timezone.localdate())
        try:
            with output.open("x", encoding="utf-8") as file:  # last: whoever stops it in between finds no file
                file.write(text)
        except FileExistsError:
            raise CommandError(self._there(output)) from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        try:
            estate = load(output)
        except EstateError as error:
            raise CommandError(f"{output} has names in it that estate.yaml does not take; correct them there:\n{error}") from error
        for said in draft.left:
            self.stdout.write(said)
        self.stdout.write(
            f"{output}: {len(estate.services)} services in {len({each.environment.key for each in estate.targets})} environments, "
            f"{len(estate.alarms)} alarms. {text.count(NOWHERE) - 1} values have to be filled in, {len(draft.doubts)} looked at."
        )

    def _there(self, output: Path) -> str:
        return f"{output} is there already, and is left as it is. Choose another name with --output."
