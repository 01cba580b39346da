"""Looks again and again for runs that nobody works on, and does what is to be done every so many seconds."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from runs import engine
from runs.reconcile import look_after_runs


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ("console", "estate")  # what it stands on; the check of addresses would import every page

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--inline", action="store_true", help="work on runs in this process, without workers and without Redis")

    def handle(self, *, inline: bool, **options: Any) -> None:
        stop = threading.Event()

        def end(*_: object) -> None:
            engine.hand_over()
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        look_after_runs(stop, inline=inline)
