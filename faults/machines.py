"""Several machines on this one: network namespaces on a bridge of their own. None has a way out, and they go with whoever made them.

Linux, root and iproute2 are needed; elsewhere NotRun says so. Namespaces are named by the process that made them; what one that was
killed has left behind is removed by the next.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from faults.points import NotRun

PLACES = Path("/run/netns")
_NETWORK = 0x40000000  # CLONE_NEWNET
_BRIDGE = "br0"
_NAME = re.compile(r"ops-(\d+)-\w+")


class Network:
    """A machine for each name; `with Network(…) as network:`. Raises NotRun."""

    def __init__(self, names: Sequence[str]) -> None:
        if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "setpriv"))):
            raise NotRun("Several machines take network namespaces: Linux, root, iproute2 and util-linux. Not run.")
        self.addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 11)}

    def __enter__(self) -> Network:
        _sweep()
        try:
            self._make()
        except subprocess.CalledProcessError as error:
            self.__exit__()
            raise NotRun(f"No network namespace can be made here: {error.stderr.strip()}. Several machines were not run.") from None
        return self

    def __exit__(self, *_: object) -> None:
        for name in (*self.addresses, "wire"):
            _remove(self._place(name))

    def inside(self, name: str) -> list[str]:
        """What stands before a command that is to run there, under a host name of its own."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
        return ["ip", "netns", "exec", self._place(name), *named]

    def enter(self, name: str) -> None:
        """The calling thread is there from now on: its new sockets, and no others."""
        with (PLACES / self._place(name)).open() as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), _NETWORK):
                raise OSError(ctypes.get_errno(), f"no way into {name}")

    def cut(self, name: str) -> None:
        """Nothing comes or goes any more, and nobody is told: a black hole."""
        _ip("-n", self._place("wire"), "link", "set", "dev", name, "nomaster")

    def mend(self, name: str) -> None:
        _ip("-n", self._place("wire"), "link", "set", "dev", name, "master", _BRIDGE)

    def _make(self) -> None:
        wire = self._place("wire")
        _ip("netns", "add", wire)
        _ip("-n", wire, "link", "add", _BRIDGE, "type", "bridge")
        _ip("-n", wire, "link", "set", _BRIDGE, "up")
        for name, address in self.addresses.items():
            place = self._place(name)
            _ip("netns", "add", place)
            _ip("link", "add", "name", name, "netns", wire, "type", "veth", "peer", "name", "eth0", "netns", place)
            _ip("-n", wire, "link", "set", "dev", name, "master", _BRIDGE, "up")
            _ip("-n", place, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", place, "link", "set", "lo", "up")
            _ip("-n", place, "link", "set", "eth0", "up")

    def _place(self, name: str) -> str:
        return f"ops-{os.getpid()}-{name}"


def sockets(pid: int, *, state: str, to: str = "") -> list[int]:
    """The ports of the TCP sockets on that process's machine: the other side's where `to` names its address, else their own.

    `state` is the kernel's: 01 established, 0A listening.
    """
    found = []
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        own, other, said = line.split()[1:4]
        address, _, port = other.partition(":")
        if said == state and (not to or bytes.fromhex(address)[::-1] == bytes(map(int, to.split(".")))):
            found.append(int(port if to else own.partition(":")[2], 16))
    return found


def _sweep() -> None:
    for path in PLACES.glob("ops-*") if PLACES.is_dir() else ():
        made = _NAME.fullmatch(path.name)
        if made and not Path(f"/proc/{made[1]}").exists():
            _remove(path.name)


def _remove(place: str) -> None:
    with suppress(subprocess.CalledProcessError):
        _ip("netns", "del", place)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=20)
