"""Pinning a host's key: only where the host shows what its instance printed to EC2's console at its first boot.

That output comes through AWS, the key over the network: somebody between us and the host would have to forge both. A person asks for it
by name (`manage.py pin_host`); nothing is ever pinned by itself.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from remote.errors import HostKeyRefused, Refused
from remote.ssh import keys
from remote.ssh.handshake import shown_key
from remote.ssh.routes import Route, Routes

DEADLINE = 8.0  # seconds
_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY FINGERPRINTS-----(.*?)-----END SSH HOST KEY FINGERPRINTS-----", re.DOTALL)
_FINGERPRINT = re.compile(r"\bSHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class Pinned:
    """`line` is what stands in `file` now; `is_new` is False where it stood there before."""

    fingerprint: str
    file: Path
    line: str
    is_new: bool


def printed_fingerprints(console_output: str) -> tuple[str, ...]:
    """What cloud-init printed between its two markers at the last boot that made keys; empty where it printed none."""
    blocks = _BLOCK.findall(console_output)
    return tuple(dict.fromkeys(_FINGERPRINT.findall(blocks[-1]))) if blocks else ()


def pin(host: str, console_output: str, *, replace: bool = False, routes: Routes | None = None) -> Pinned:
    """`host` as the console asks for it. `replace`: another key that is pinned under the same name goes.

    Raises Unreachable, HostKeyRefused (the fingerprints differ, or another key is pinned), Refused (nothing to compare with).
    """
    route = (routes or Routes()).find(host)
    if route.jump is not None:
        raise Refused(
            f"{route} is reached through {route.jump}", "Pin it from a machine that reaches it directly, or by hand (docs/hosts.md)."
        )
    if not route.known_hosts:
        raise Refused(f"{route} has no known_hosts file", "Give it a UserKnownHostsFile in the ssh_config.")
    printed = printed_fingerprints(console_output)
    if not printed:
        raise Refused(
            f"The instance's console output has no fingerprints to compare the key of {route} with",
            "EC2 has it some minutes after the first boot, for images with cloud-init. Else compare by hand (docs/hosts.md).",
        )
    shown = shown_key(route, time.monotonic() + DEADLINE)
    if shown.fingerprint not in printed:
        raise HostKeyRefused(
            f"{route} showed {shown.get_name()} {shown.fingerprint}, which its instance did not print; it printed {', '.join(printed)}",
            "Either the host made new keys after its first boot, or somebody stands between. Nothing was pinned.",
        )
    known = keys.pinned(route)
    file, line = Path(route.known_hosts[0]), f"{route.key_name} {shown.get_name()} {shown.get_base64()}"
    if shown in known:
        return Pinned(shown.fingerprint, file, line, is_new=False)
    if known and not replace:
        raise HostKeyRefused(
            f"Another key is pinned for {route.key_name}: {', '.join(key.fingerprint for key in known)}; "
            f"the instance that is there now has {shown.fingerprint}",
            "If the host was replaced on purpose, pin it once more with --replace.",
        )
    _write(file, route, line, replace=replace)
    return Pinned(shown.fingerprint, file, line, is_new=True)


def _write(file: Path, route: Route, line: str, *, replace: bool) -> None:
    """Whole or not at all: a reader never sees half a file."""
    before = file.read_text().splitlines() if file.exists() else []
    kept = [left for each in before if (left := _without(route.key_name, each) if replace else each) is not None]
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    draft.touch(mode=0o600)
    draft.write_text("\n".join([*kept, line, ""]))
    os.replace(draft, file)


def _without(name: str, line: str) -> str | None:
    """The line without that name; None where it had no other. Hashed names and markers stay as they are."""
    names, blank, rest = line.partition(" ")
    if not blank or names.startswith(("#", "@", "|")) or name not in names.split(","):
        return line
    left = [each for each in names.split(",") if each != name]
    return f"{','.join(left)} {rest}" if left else None
