"""Bytes between a client and a program: `Line` is what goes back over SSH, `carry` passes on what a program says and is told.

As with a real sshd, a program is not killed because the client has gone: its output pipe is closed, nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import asyncssh

from sandbox.hosts.paths import Unmapping
from sandbox.world import World

_CHUNK = 65536
_DROP_AFTER = 200  # bytes, where the fault names none


class Line:
    """What goes back to the client: counts bytes, and cuts the connection after as many as the fault `ssh-drop` allows."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes], world: World, name: str) -> None:
        fault = world.faults.strikes("ssh-drop", name)
        self._process = process
        self._left = int(fault.options.get("bytes", _DROP_AFTER)) if fault else None
        self._newline = b"\r\n" if process.term_type else b"\n"

    async def write(self, data: bytes, *, error: bool = False) -> None:
        """Raises BrokenPipeError when the client has gone or the line was cut."""
        data = data.replace(b"\n", self._newline)
        if self._left is not None:
            data, self._left = data[: self._left], max(self._left - len(data), 0)
        stream = self._process.stderr if error else self._process.stdout
        if data:
            stream.write(data)
            await stream.drain()
        if self._left == 0:
            self._cut()

    def exit(self, code: int) -> None:
        if self._left is not None:
            self._process.channel.get_connection().abort()
        elif code < 0:
            self._process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            self._process.exit(code)

    def _cut(self) -> None:
        self._process.channel.get_connection().abort()
        raise BrokenPipeError


async def start(argv: list[str], *, executable: str, environment: dict[str, str], cwd: Path) -> asyncio.subprocess.Process:
    """A program in a session of its own, as sshd starts it; `argv[0]` is the name that it was asked for by."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *argv, executable=executable, cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )


async def carry(
    child: asyncio.subprocess.Process, process: asyncssh.SSHServerProcess[bytes] | None, line: Line, *, unmap: Path | None = None
) -> int:
    """Passes bytes both ways until the program ends; its exit code. Without a process to read from, its input is empty.

    Raises BrokenPipeError when the client has gone.
    """
    feeding = asyncio.create_task(_feed(process, child.stdin))
    try:
        await asyncio.gather(
            _pass_on(child.stdout, line, Unmapping(unmap) if unmap else None, error=False),
            _pass_on(child.stderr, line, Unmapping(unmap) if unmap else None, error=True),
        )
        return await child.wait()
    finally:
        feeding.cancel()
        if child.returncode is None:
            _close_pipes(child)
            await child.wait()


async def _feed(process: asyncssh.SSHServerProcess[bytes] | None, stdin: asyncio.StreamWriter | None) -> None:
    if stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
        while process and (data := await process.stdin.read(_CHUNK)):
            stdin.write(data)
            await stdin.drain()
    stdin.close()


async def _pass_on(stream: asyncio.StreamReader | None, line: Line, unmapping: Unmapping | None, *, error: bool) -> None:
    while stream and (data := await stream.read(_CHUNK)):
        await line.write(unmapping.feed(data) if unmapping else data, error=error)
    if unmapping and (rest := unmapping.end()):
        await line.write(rest, error=error)


def _close_pipes(child: asyncio.subprocess.Process) -> None:
    transport = child._transport  # type: ignore[attr-defined]  # the only way to close a pipe that one reads from
    for descriptor in (0, 1, 2):
        if pipe := transport.get_pipe_transport(descriptor):
            pipe.close()
