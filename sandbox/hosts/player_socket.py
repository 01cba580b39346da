"""The sandbox's end of a played command: a unix socket to which the stand-ins of all hosts speak.

The socket lies in a short folder of its own: its name may have about a hundred characters only.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from sandbox.hosts.magento import Killed
from sandbox.hosts.play import Play
from sandbox.hosts.played import play
from sandbox.world import World


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    world: World


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("_Server", self.server)
        question = self.rfile.read(int.from_bytes(self.rfile.read(4), "big")).decode("utf-8", "surrogateescape")
        if not question:
            return
        count, *words = question.split("\0")
        settings, (cwd, name, *argv) = words[: int(count)], words[int(count) :]
        host = server.world.host(name)

        def send(kind: bytes) -> Callable[[str], None]:
            def frame(text: str) -> None:
                content = text.encode()
                try:
                    self.wfile.write(kind + len(content).to_bytes(4, "big") + content)
                except OSError as error:
                    raise Killed from error

            return frame

        with contextlib.suppress(Killed):
            code = play(
                Play(server.world, host, argv, Path(cwd), send(b"o"), send(b"e"), self._gone, dict(each.split("=", 1) for each in settings))
            )
            send(b"r")(str(code))

    def _gone(self) -> bool:
        """The stand-in says nothing more after its question: what can be read is the end."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)


def serve(world: World) -> tuple[Path, Callable[[], None]]:
    """The socket's path and a function that ends it."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    server = _Server(str(folder / "socket"), _Handler)
    server.world = world
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="player-socket", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)

    return folder / "socket", stop
