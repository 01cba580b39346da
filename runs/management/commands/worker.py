"""A worker: takes runs up when it is rung for. Start as many as are wanted, on as many machines."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from runs.worker import work


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ("console", "estate")  # what it stands on; the check of addresses would import every page

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--burst", action="store_true", help="end when there is nothing to do")

    def handle(self, *, burst: bool, **options: Any) -> None:
        work(burst=burst)
