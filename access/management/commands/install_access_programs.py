from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access import place, programs
from access.ftp import account
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.doors import runner

WHERE: dict[str, Callable[[], str]] = {
    "vpn": lambda: place.find(place.vpn().instance).ip,
    "gateway": lambda: place.find(place.gateway().instance).ip,
    "ftp": lambda: str(account.host_of(place.ftp()).private_ip),
}


class Command(BaseCommand):
    help = "Brings the runner and the console's own programs to the hosts of Access. An image that has them needs this never."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("programs", nargs="*", help="vpn, gateway, ftp; all by default")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [name for name in WHERE if name in (options["programs"] or WHERE) and not self._install(name)]
        if failed:
            raise CommandError(f"not installed: {', '.join(failed)}")

    def _install(self, program: str) -> bool:
        try:
            ip = WHERE[program]()
            runner().install(ip)
            programs.install(program, ip)
        except RemoteError as error:
            self.stderr.write(f"{program}: {error.told}")
            return False
        except Refusal as missing:
            self.stdout.write(f"{program}: {missing}")
            return True
        self.stdout.write(f"{program}: installed on {ip}")
        return True
