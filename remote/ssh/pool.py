"""Who may use which connection: one or more open connections to each host, opened when first needed, closed when long unused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from remote.errors import Unreachable
from remote.ssh import keys
from remote.ssh.connections import Connection, NoChannel, Result, Wanted, always, connect
from remote.ssh.routes import Route, Routes

SESSIONS = 8  # at once on one connection; OpenSSH allows 10 (MaxSessions)
IDLE = 600.0  # seconds


@dataclass(slots=True, eq=False)
class _Line:
    """One open connection and its use. `leaning` counts the connections that lead on through it."""

    connection: Connection
    via: _Line | None = None
    sessions: int = SESSIONS
    running: int = 0
    leaning: int = 0
    used: float = field(default_factory=time.monotonic)

    def is_idle(self, seconds: float) -> bool:
        return self.running == self.leaning == 0 and time.monotonic() - self.used > seconds


@dataclass(slots=True, eq=False)
class _Host:
    """The lines to one place. `opening` is held while one more is opened, so that a crowd opens one and shares it."""

    lines: list[_Line] = field(default_factory=list)
    opening: threading.Lock = field(default_factory=threading.Lock)


_Place = tuple[Route, tuple[int, ...]]


def _place(route: Route) -> _Place:
    """What lines are kept by: with another key in the same file, new ones are opened, and those of the old key end unused."""
    return route, keys.versions(route)


class Pool:
    """Runs commands on hosts by their alias. Thread-safe; not to be carried over a fork."""

    def __init__(self, routes: Routes | None = None, *, idle: float = IDLE) -> None:
        self._routes = routes or Routes()
        self._idle = idle
        self._hosts: dict[_Place, _Host] = {}
        self._lock = threading.Lock()

    def run(self, host: str, argv: Sequence[str], *, stdin: bytes = b"", deadline: float, wanted: Wanted = always) -> Result:
        """Connecting included in the deadline. Raises as Connection.run and connect do."""
        route, until = self._routes.find(host), time.monotonic() + deadline
        while True:
            with self._line(route, until) as (line, is_new), _once_more_unless(is_new, line):
                return line.connection.run(argv, stdin=stdin, deadline=_left(until), wanted=wanted)

    def stream(self, host: str, argv: Sequence[str], *, deadline: float, wanted: Wanted = always) -> Iterator[bytes]:
        """As Connection.stream."""
        route, until = self._routes.find(host), time.monotonic() + deadline
        while True:
            with self._line(route, until) as (line, is_new), _once_more_unless(is_new, line):
                yield from line.connection.stream(argv, deadline=_left(until), wanted=wanted)
                return

    def tidy(self) -> None:
        """Closes what broke, and what nobody has used for long."""
        with self._lock:
            lines = [(host, line) for host in self._hosts.values() for line in host.lines]
            over = [
                (host, line) for host, line in lines if line.is_idle(self._idle) or (not line.connection.is_usable and line.running == 0)
            ]
            for host, line in over:
                host.lines.remove(line)
                if line.via:
                    line.via.leaning -= 1
            self._hosts = {place: host for place, host in self._hosts.items() if host.lines or host.opening.locked()}
        for _, line in over:
            line.connection.close()

    def close(self) -> None:
        with self._lock:
            lines = [line for host in self._hosts.values() for line in host.lines]
            self._hosts.clear()
        for line in lines:
            line.connection.close()

    @contextmanager
    def _line(self, route: Route, until: float) -> Iterator[tuple[_Line, bool]]:
        """A line with room for one more session, and whether it was opened for this."""
        place = _place(route)
        with self._lock:
            host = self._hosts.setdefault(place, _Host())
            line = self._taken(host)
        is_new = line is None
        if line is None:
            line, is_new = self._opened(host, place, until)
        try:
            yield line, is_new
        finally:
            with self._lock:
                line.running -= 1
                line.used = time.monotonic()

    def _taken(self, host: _Host) -> _Line | None:
        """Called under the pool's lock."""
        for line in host.lines:
            if line.connection.is_usable and line.running < line.sessions:
                line.running += 1
                return line
        return None

    def _opened(self, host: _Host, place: _Place, until: float) -> tuple[_Line, bool]:
        route, _ = place
        if not host.opening.acquire(timeout=_left(until)):
            raise Unreachable(f"No connection to {route}: others wait for the same host", "It is tried again.")
        try:
            with self._lock:
                line = self._taken(host)
            if line is not None:  # whoever held the lock before has opened it for all
                return line, False
            via = self._leaned_on(route.jump, until) if route.jump else None
            try:
                connection = connect(route, deadline=_left(until), via=via.connection if via else None)
            except BaseException:
                if via:
                    with self._lock:
                        via.leaning -= 1
                raise
            line = _Line(connection, via, running=1)
            with self._lock:
                host.lines.append(line)
                self._hosts.setdefault(place, host)
            return line, True
        finally:
            host.opening.release()

    def _leaned_on(self, jump: Route, until: float) -> _Line:
        with self._line(jump, until) as (line, _), self._lock:
            line.leaning += 1
            return line


@contextmanager
def _once_more_unless(is_new: bool, line: _Line) -> Iterator[None]:
    """An old line may have died unnoticed: then nothing was sent, and the caller's loop takes another. A new one's word is final."""
    try:
        yield
    except NoChannel:
        line.sessions = max(line.running - 1, 0)
        if line.sessions == 0:
            line.connection.doubt()
        if is_new:
            raise
    except Unreachable:
        if is_new:
            raise


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.0)
