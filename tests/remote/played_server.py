"""A program: an SSH server (asyncssh) on loopback whose commands run in a real shell. Arguments: host key, authorised keys, forced command.

Prints its port; then answers "accepted" (how many connections there were) and "drop" (ends them all), read line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys

import asyncssh

FORCED = ""


class Server(asyncssh.SSHServer):
    accepted = 0
    connections: set[asyncssh.SSHServerConnection] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        Server.accepted += 1
        Server.connections.add(conn)
        self.conn = conn

    def connection_lost(self, exc: Exception | None) -> None:
        Server.connections.discard(self.conn)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """In a session of its own, as sshd does: what detached itself outlives the connection."""
    child = await asyncio.create_subprocess_shell(
        FORCED or process.command or "true",
        env={**os.environ, "SSH_ORIGINAL_COMMAND": process.command or ""} if FORCED else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    feeding = asyncio.create_task(feed(process.stdin, child.stdin))
    await asyncio.gather(pump(child.stdout, process.stdout), pump(child.stderr, process.stderr))
    feeding.cancel()
    process.exit(await child.wait())


async def feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()


async def pump(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()


async def main(host_key: str, authorised: str) -> None:
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[host_key],
        authorized_client_keys=authorised,
        process_factory=run,
        encoding=None,
    )
    print(acceptor.get_port(), flush=True)  # noqa: T201
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        if line.strip() == "drop":
            for connection in list(Server.connections):
                connection.abort()
        print(Server.accepted, flush=True)  # noqa: T201


if __name__ == "__main__":
    FORCED = sys.argv[3]
    asyncio.run(main(*sys.argv[1:3]))
