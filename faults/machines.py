"""Several machines on this one: network namespaces on a bridge of their own. None has a way out, and they go with whoever made them.

Linux, root and iproute2 are needed; elsewhere NotRun says so. Namespaces are named by the process that made them; what one that was
killed has left behind is removed by the next.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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

    def listening(self, name: str, port: int) -> socket.socket:
        """A server on that machine's own loopback. A socket stays where it was made, whoever uses it."""
        return self._there(name, lambda: socket.create_server(("127.0.0.1", port), backlog=64))

    def connected(self, name: str, port: int) -> socket.socket:
        """To a server on that machine's own loopback. Raises OSError."""
        return self._there(name, lambda: socket.create_connection(("127.0.0.1", port), 5))

    def where(self, pid: int) -> str:
        """The machine that this process is on."""
        network = Path(f"/proc/{pid}/ns/net").stat().st_ino
        return next(name for name in self.addresses if (PLACES / self._place(name)).stat().st_ino == network)

    def _there(self, name: str, make: Callable[[], socket.socket]) -> socket.socket:
        """In a thread that goes there, and is not used again."""
        with ThreadPoolExecutor(1, initializer=self._enter, initargs=(name,)) as thread:
            return thread.submit(make).result()

    def _enter(self, name: str) -> None:
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
