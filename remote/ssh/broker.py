"""The broker: one long-lived process that owns the SSH connections and lends them to all others over a unix socket (mode 0600).

A forked job cannot inherit a live connection, and opening one takes longer than most commands.
`python -m remote.ssh.broker SOCKET` serves until SIGTERM. The socket's mode is the guard: whoever opens it may do what our key may.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from remote.errors import AlreadyExists, RemoteError
from remote.ssh.connections import Result
from remote.ssh.frames import Frame, Hungup, Wire, from_error
from remote.ssh.pool import Pool

_LOOK_UP = 0.5  # seconds between two looks at the stop event
_TIDY = 30  # looks between two rounds of closing unused connections
_CROWD = 128  # hosts of one request that are asked at once


def serve(socket_path: Path | str, stop: threading.Event) -> None:
    """Lends until `stop` is set, then closes everything. Raises AlreadyExists where another broker serves the same path."""
    path = Path(socket_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(256)
        listener.settimeout(_LOOK_UP)
        broker = _Broker(stop)
        try:
            broker.accept(listener)
        finally:
            path.unlink(missing_ok=True)
            broker.close()


class _Broker:
    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._pool = Pool()
        self._crowd = ThreadPoolExecutor(_CROWD, thread_name_prefix="fan-out")

    def accept(self, listener: socket.socket) -> None:
        looks = 0
        while not self._stop.is_set():
            try:
                sock, _ = listener.accept()
            except TimeoutError:
                looks += 1
                if looks % _TIDY == 0:
                    self._pool.tidy()
                continue
            threading.Thread(target=self._serve, args=(Wire(sock),), daemon=True).start()

    def close(self) -> None:
        self._pool.close()
        self._crowd.shutdown(wait=False, cancel_futures=True)

    def _serve(self, wire: Wire) -> None:
        """One borrower: a request, its answer, the next request, until it hangs up."""
        wire.sock.settimeout(None)
        with contextlib.closing(wire), contextlib.suppress(Hungup, OSError):
            while True:
                head, body = wire.receive()
                self._answer(wire, head, body)

    def _answer(self, wire: Wire, head: dict[str, Any], body: bytes) -> None:
        hosts, argv, deadline = head["hosts"], head["argv"], head["deadline"]

        def wanted() -> bool:
            return not self._stop.is_set() and not wire.has_hung_up()

        if head["verb"] == "stream":
            self._stream(wire, hosts[0], argv, deadline, wanted)
        elif len(hosts) == 1:
            wire.send(*self._run(hosts[0], argv, body, deadline, wanted))
        else:
            asked = [self._crowd.submit(self._run, host, argv, body, deadline, wanted) for host in hosts]
            for answered in as_completed(asked):
                wire.send(*answered.result())

    def _run(self, host: str, argv: list[str], stdin: bytes, deadline: float, wanted: Callable[[], bool]) -> Frame:
        try:
            result = self._pool.run(host, argv, stdin=stdin, deadline=deadline, wanted=wanted)
        except RemoteError as error:
            return {"host": host, **from_error(error)}, b""
        return _framed(host, result)

    def _stream(self, wire: Wire, host: str, argv: list[str], deadline: float, wanted: Callable[[], bool]) -> None:
        pieces = self._pool.stream(host, argv, deadline=deadline, wanted=wanted)
        try:
            for piece in pieces:
                wire.send({}, piece)
        except RemoteError as error:
            wire.send(from_error(error))
        else:
            wire.send({"end": True})
        finally:
            pieces.close()  # type: ignore[attr-defined]


def _framed(host: str, result: Result) -> Frame:
    return {"host": host, "rc": result.rc, "out": len(result.out)}, result.out + result.err


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A lock beside the socket: of two brokers, the later one refuses to start and leaves the first one's socket alone."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyExists(f"Another broker serves {path}", "End it first, or use its connections.") from error
        yield


def main() -> None:
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        serve(sys.argv[1], stop)
    except AlreadyExists as error:
        sys.exit(error.told)


if __name__ == "__main__":
    main()
