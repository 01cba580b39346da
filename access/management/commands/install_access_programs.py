from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access import place, programs
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.doors import runner


class Command(BaseCommand):
    help = "Brings the runner and the console's own programs to the VPN host and the gateway. An image that has them needs this never."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("programs", nargs="*", help="vpn, gateway; all by default")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [name for name, where in WHERE.items() if name in (options["programs"] or WHERE) and not self._install(name, where)]
        if failed:
            raise CommandError(f"not installed: {', '.join(failed)}")

    def _install(self, program: str, instance: Any) -> bool:
        try:
            found = place.find(instance())
            runner().install(found.ip)
            programs.install(program, found.ip)
        except RemoteError as error:
            self.stderr.write(f"{program}: {error} {error.next_step}")
            return False
        except Refusal as missing:
            self.stdout.write(f"{program}: {missing}")
            return True
        self.stdout.write(f"{program}: installed on {found.name}")
        return True


WHERE = {"vpn": lambda: place.vpn().instance, "gateway": lambda: place.gateway().instance}
