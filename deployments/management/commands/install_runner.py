from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deployments.doors import runner
from estate import observe
from estate.models import Host
from estate.reading import current
from remote.errors import RemoteError


class Command(BaseCommand):
    help = "Brings the runner to every known host, or to the hosts named. Once for each host; an image that has it needs this never."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="*", help="names, instance ids or addresses; all by default")

    def handle(self, *args: Any, **options: Any) -> None:
        for target in current().targets:
            observe.refresh(target, max_age=60)
        wanted = set(options["hosts"])
        hosts = [host for host in Host.objects.filter(gone=None) if not wanted or wanted & {host.name, host.pk, str(host.private_ip)}]
        failed = [host.name for host in hosts if not self._install(host)]
        if failed or not hosts:
            raise CommandError(f"not installed on {', '.join(failed)}" if failed else "no such host is known")

    def _install(self, host: Host) -> bool:
        try:
            runner().install(str(host.private_ip))
        except RemoteError as error:
            self.stderr.write(f"{host.name}: {error} {error.next_step}")
            return False
        self.stdout.write(f"{host.name}: installed")
        return True
