from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from estate import observe
from estate.models import Host
from estate.reading import current
from remote.aws import compute
from remote.errors import RemoteError
from remote.ssh import pinning


class Command(BaseCommand):
    help = "Pins a host's key where it is the one that the instance printed to EC2's console at its first boot; else says what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="+", metavar="HOST", help="a name, an instance id or a private address")
        parser.add_argument("--replace", action="store_true", help="another key that is pinned under the same name goes")

    def handle(self, *args: Any, **options: Any) -> None:
        for target in current().targets:
            observe.refresh(target, max_age=60)
        known = list(Host.objects.filter(gone=None))
        failed = [name for name in options["hosts"] if not self._pin(name, known, replace=options["replace"])]
        if failed:
            raise CommandError(f"not pinned: {', '.join(failed)}")

    def _pin(self, name: str, known: list[Host], *, replace: bool) -> bool:
        host = next((host for host in known if name in (host.name, host.pk, str(host.private_ip))), None)
        if host is None:
            self.stderr.write(f"{name}: no such host is known; there are {', '.join(sorted(host.name for host in known)) or 'none'}")
            return False
        try:
            pinned = pinning.pin(str(host.private_ip), compute.console_output(host.pk), replace=replace)
        except RemoteError as error:
            self.stderr.write(f"{host.name}: {error.told}")
            return False
        said = "pinned in" if pinned.is_new else "stands already in"
        self.stdout.write(f"{host.name} ({host.pk}): {pinned.fingerprint}, as the instance printed it, {said} {pinned.file}")
        return True
