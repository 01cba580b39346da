from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from remote.ssh import snippet
from remote.ssh.runner import SCRIPT

_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+( [A-Za-z0-9@._-]+)?")
_ADDRESSES = re.compile(r"[0-9a-fA-F.:/]+(,[0-9a-fA-F.:/]+)*")


class Command(BaseCommand):
    help = "Prints the .ebextensions file that brings the runner to every host that Beanstalk makes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--key", metavar="FILE", help="the console's public key; without it the place is left to be filled in")
        parser.add_argument("--from", dest="address", metavar="ADDRESS", help="from which the console reaches the hosts")

    def handle(self, *args: Any, **options: Any) -> None:
        key, address = snippet.KEY, snippet.ADDRESS
        if options["key"]:
            try:
                key = Path(options["key"]).read_text().strip()
            except OSError as error:
                raise CommandError(f"{options['key']} cannot be read: {error}") from error
            if not _KEY.fullmatch(key):
                raise CommandError(f"{options['key']} is not one public key in OpenSSH's form.")
        if options["address"]:
            address = options["address"]
            if not _ADDRESSES.fullmatch(address):
                raise CommandError(f"{address} is not an address, a network, or several of them with commas between.")
        self.stdout.write(snippet.ebextension(SCRIPT.read_text(), public_key=key, address=address), ending="")
