from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deployments.doors import runner
from estate import inventory, observe
from estate.definition import Target
from estate.models import Host
from estate.reading import current
from remote.errors import RemoteError

PATIENCE = 30.0  # seconds for all hosts of estate.yaml to be seen; then those that are known get it


class Command(BaseCommand):
    help = "Brings the runner to every known host, or to the hosts named. Once for each host; an image that has it needs this never."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="*", help="names, instance ids or addresses; those of estate.yaml by default")

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not all(self._is_seen(target) for target in current().targets) and time.monotonic() < deadline:
            time.sleep(0.5)  # somebody else is asking AWS at this moment
        wanted = set(options["hosts"])
        hosts = [host for host in Host.objects.filter(gone=None) if not wanted or wanted & {host.name, host.pk, str(host.private_ip)}]
        workshops = {target.build.name: target.build.address for target in current().targets if target.build is not None}
        places = [(host.name, str(host.private_ip)) for host in hosts]
        places += [(name, address) for name, address in workshops.items() if not wanted or wanted & {name, address}]
        known = {name for place in places for name in place} | {host.pk for host in hosts}
        places += [(name, name) for name in sorted(wanted - known)]
        failed = [name for name, address in places if not self._install(name, address)]
        inventory.ask_again()  # what hosts without it could not say
        if failed or not places:
            raise CommandError(f"not installed on {', '.join(failed)}" if failed else "no such host is known")

    def _is_seen(self, target: Target) -> bool:
        observe.refresh(target, max_age=60)
        hosts = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None)
        return hosts.count() >= sum(tier.hosts for tier in target.tiers)

    def _install(self, name: str, address: str) -> bool:
        try:
            runner().install(address)
        except RemoteError as error:
            self.stderr.write(f"{name}: {error.told}")
            return False
        self.stdout.write(f"{name}: installed")
        return True
