"""The door to the hosts: `Door(socket).run(host, argv)`, through the broker, whose connections are warm, else by connections of its own.

A door may be made before a fork and used after it, by any number of threads.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from remote.errors import RemoteError, Unanswered
from remote.ssh.connections import CHECK_COMMAND, Result
from remote.ssh.frames import Frame, Hungup, Wire, to_error
from remote.ssh.pool import Pool

GRACE = 2.0  # seconds that the broker may take longer than the deadline that it was given
_CROWD = 32  # connections opened at once, without a broker
_inherited: list[Pool] = []


class Door:
    """`broker` is the path of the broker's unix socket, or None."""

    def __init__(self, broker: Path | str | None = None) -> None:
        self._broker = str(broker) if broker else ""
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._idle: list[Wire] = []
        self._own: Pool | None = None

    def run(self, host: str, argv: Sequence[str], stdin: bytes = b"", deadline: float = 10.0) -> Result:
        """The whole command, connecting included, within `deadline` seconds. Any exit code is a Result.

        Raises Unreachable (certain that it did not start), HostKeyRefused, Denied, Refused, or Unanswered (it may have run).
        """
        wire = self._wire()
        if wire is None:
            return self._pool().run(host, argv, stdin=stdin, deadline=deadline)
        with self._lent(wire, host, deadline):
            wire.send({"verb": "run", "hosts": [host], "argv": list(argv), "deadline": deadline}, stdin)
            return _result(wire.receive())

    def stream(self, host: str, argv: Sequence[str], deadline: float = 60.0) -> Iterator[bytes]:
        """What the command prints, as it comes. Closing the iterator leaves the command alone; a code other than 0 raises Refused."""
        wire = self._wire()
        if wire is None:
            yield from self._pool().stream(host, argv, deadline=deadline)
            return
        with self._lent(wire, host, deadline):
            wire.send({"verb": "stream", "hosts": [host], "argv": list(argv), "deadline": deadline})
            while True:
                head, piece = wire.receive()
                if "error" in head:
                    raise to_error(head)
                if "end" in head:
                    return
                yield piece

    def run_many(self, hosts: Sequence[str], argv: Sequence[str], deadline: float = 10.0) -> Mapping[str, Result | RemoteError]:
        """The same command on all hosts at once: by host, in the order given, what came of it."""
        found = dict(self.run_each(hosts, argv, deadline))
        return {host: found[host] for host in hosts}

    def run_each(self, hosts: Sequence[str], argv: Sequence[str], deadline: float = 10.0) -> Iterator[tuple[str, Result | RemoteError]]:
        """As `run_many`, each host as soon as it is done."""
        if not hosts:
            return
        wire = self._wire()
        if wire is None:
            yield from self._run_each_directly(hosts, argv, deadline)
            return
        with self._lent(wire, f"{len(hosts)} hosts", deadline):
            wire.send({"verb": "run", "hosts": list(hosts), "argv": list(argv), "deadline": deadline})
            for _ in hosts:
                head, body = wire.receive()
                yield head["host"], to_error(head) if "error" in head else _result((head, body))

    def close(self) -> None:
        """Closes what this process opened; the broker keeps its own."""
        with self._lock:
            wires, self._idle, own, self._own = self._idle, [], self._own, None
        for wire in wires:
            wire.close()
        if own:
            own.close()

    def _run_each_directly(self, hosts: Sequence[str], argv: Sequence[str], deadline: float) -> Iterator[tuple[str, Result | RemoteError]]:
        pool = self._pool()

        def one(host: str) -> tuple[str, Result | RemoteError]:
            try:
                return host, pool.run(host, argv, deadline=deadline)
            except RemoteError as error:
                return host, error

        with ThreadPoolExecutor(min(_CROWD, len(hosts))) as crowd:
            yield from crowd.map(one, hosts)

    def _wire(self) -> Wire | None:
        """A connection to the broker; None where nobody listens."""
        if not self._broker:
            return None
        self._forget_what_a_parent_opened()
        while True:
            with self._lock:
                wire = self._idle.pop() if self._idle else None
            if wire is None:
                break
            if not wire.has_hung_up():
                return wire
            wire.close()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(GRACE)
            sock.connect(self._broker)
        except OSError:
            sock.close()
            return None
        return Wire(sock)

    @contextlib.contextmanager
    def _lent(self, wire: Wire, what: str, deadline: float) -> Iterator[None]:
        """The wire goes back when the answer is complete, else it is closed: that tells the broker that nobody waits any more."""
        wire.sock.settimeout(deadline + GRACE)
        complete = False
        try:
            yield
            complete = True
        except RemoteError:
            complete = True
            raise
        except (Hungup, TimeoutError) as error:
            raise Unanswered(f"The broker of the SSH connections broke off while {what} was asked", CHECK_COMMAND) from error
        finally:
            if complete:
                with self._lock:
                    self._idle.append(wire)
            else:
                wire.close()

    def _pool(self) -> Pool:
        self._forget_what_a_parent_opened()
        with self._lock:
            if self._own is None:
                self._own = Pool()
            return self._own

    def _forget_what_a_parent_opened(self) -> None:
        if self._process == os.getpid():
            return
        for wire in self._idle:
            wire.close()
        if self._own:  # never closed and never collected here: that would speak on the parent's connections
            _inherited.append(self._own)
        self._lock, self._process, self._idle, self._own = threading.Lock(), os.getpid(), [], None


def _result(frame: Frame) -> Result:
    head, body = frame
    if "error" in head:
        raise to_error(head)
    size: Any = head["out"]
    return Result(head["rc"], body[:size], body[size:])
