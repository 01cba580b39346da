"""A TCP proxy that goes wrong on request: resets, falls silent, cuts after so many bytes, delivers a request and drops the reply.

One for each host, in front of its SSH server; threads of the suite's own process.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

_NOW_AND_THEN = 0.1


class Proxy:
    """`mode` holds for all connections, old and new: pass, swallow (no reply comes through), hole (nothing comes through), refuse."""

    def __init__(self, port: int, *, listener: socket.socket | None = None, connect: Callable[[], socket.socket] | None = None) -> None:
        """Listens and connects on this machine, unless it is told where."""
        self._connect = connect or (lambda: socket.create_connection(("127.0.0.1", port), 5))
        self._listener = listener or socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.mode = "pass"
        self.connections = 0
        self._left: int | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, name=f"proxy-{port}", daemon=True).start()

    def reset(self) -> int:
        """RST on every connection; on how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for sock in pair:
                _reset(sock)
        return len(pairs)

    def cut_after(self, count: int | None) -> None:
        """RST when so many more bytes have come back; None: not any more."""
        self._left = count

    def has_cut(self) -> bool:
        """Whether so many bytes have come, since it was told how many."""
        return self._left is None

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._pairs)

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.mode == "refuse":
                _reset(client)
                continue
            try:
                server = self._connect()
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._pairs.add((client, server))
            threading.Thread(target=self._carry, args=(client, server), name="proxy-carries", daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self._step(client, server):
                pass
        with self._lock:
            self._pairs.discard((client, server))
        for sock in (client, server):
            with contextlib.suppress(OSError):
                sock.close()

    def _step(self, client: socket.socket, server: socket.socket) -> bool:
        readable, _, _ = select.select([client, server], [], [], _NOW_AND_THEN)
        for sock in readable:
            if self.mode == "hole":
                threading.Event().wait(_NOW_AND_THEN)  # nothing is read: what was sent waits, and nobody hears of it
                continue
            data = sock.recv(65536)
            if not data:
                return False
            if sock is client:
                server.sendall(data)
            elif self.mode == "pass":
                client.sendall(self._counted(data))
                if self._left == 0:
                    self._left = None
                    _reset(client)
                    return False
        return True

    def _counted(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        piece = data[: self._left]
        self._left -= len(piece)
        return piece


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        sock.close()


def in_front(config: Path, copy: Path) -> dict[str, Proxy]:
    """A proxy for each host of an ssh_config, by the host's first name, and a copy of it that leads through them."""
    proxies: dict[str, Proxy] = {}
    rows, name = [], ""
    for row in config.read_text().splitlines():
        if found := re.match(r"\s*Host\s+(.+)", row):
            name = found[1].split()[-2:][0]  # id, name, address
        if (found := re.match(r"(\s*Port\s+)(\d+)", row)) and name != "bitbucket.org":
            proxies[name] = Proxy(int(found[2]))
            row = f"{found[1]}{proxies[name].port}"
        rows.append(row)
    copy.write_text("\n".join(rows) + "\n")
    return proxies
