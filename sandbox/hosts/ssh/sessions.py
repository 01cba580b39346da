"""One exec request over SSH: starts the program (or plays it), passes bytes on, answers the exit code; cuts the line when a fault says so.

As with a real sshd, a program is not killed because the client has gone: its output pipe is closed, nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import asyncssh

from sandbox.hosts.magento import Killed
from sandbox.hosts.paths import Unmapping
from sandbox.hosts.played import Play, play
from sandbox.hosts.ssh.commands import Command, NotFound, environment, parse
from sandbox.hosts.ssh.terminal import converse
from sandbox.world import Host, World

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


class Sessions:
    """All exec requests of one host."""

    def __init__(self, world: World, host: Host, stand_ins: Path, stopping: threading.Event) -> None:
        self._world, self._host, self._stand_ins, self._stopping = world, host, stand_ins, stopping
        self.children: set[int] = set()

    async def handle(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        line = Line(process, self._world, self._host.name)
        with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
            if process.command is None:
                line.exit(await self._converse(process, line))
            else:
                line.exit(await self._run(process.command, process, line))

    async def _converse(self, process: asyncssh.SSHServerProcess[bytes], line: Line) -> int:
        interrupted = asyncio.Event()

        async def run(text: str) -> int:
            interrupted.clear()
            return await self._run(text, process, line, interrupted)

        return await converse(process, self._host, line.write, run, interrupted.set)

    async def _run(self, text: str, process: asyncssh.SSHServerProcess[bytes], line: Line, interrupted: asyncio.Event | None = None) -> int:
        """One command; with `interrupted`, typed at a terminal: it gets no input, and ends when the event is set."""
        try:
            command = parse(self._host, text)
        except (NotFound, ValueError) as error:
            await line.write(f"{error}\n".encode(), error=True)
            return 127 if isinstance(error, NotFound) else 2
        if command.played:
            return await self._play(command, line, interrupted)
        return await self._spawn(command, process, line, interrupted)

    async def _play(self, command: Command, line: Line, interrupted: asyncio.Event | None) -> int:
        """In a thread; the client's going does not end it."""
        loop = asyncio.get_running_loop()
        frames: asyncio.Queue[tuple[bytes, bool] | None] = asyncio.Queue()

        def say(*, error: bool) -> Callable[[str], None]:
            def send(text: str) -> None:
                loop.call_soon_threadsafe(frames.put_nowait, (text.encode(), error))

            return send

        def killed() -> bool:
            return self._stopping.is_set() or (interrupted is not None and interrupted.is_set())

        def run() -> int:
            call = Play(self._world, self._host, command.argv, self._host.root, say(error=False), say(error=True), killed)
            try:
                return play(call)
            except Killed:
                return 130
            finally:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(frames.put_nowait, None)

        answer = loop.run_in_executor(None, run)
        gone = False
        while frame := await frames.get():
            if not gone:
                try:
                    await line.write(frame[0], error=frame[1])
                except (BrokenPipeError, ConnectionError, asyncssh.Error):
                    gone = True
        code = await answer
        if gone:
            raise BrokenPipeError
        return code

    async def _spawn(
        self, command: Command, process: asyncssh.SSHServerProcess[bytes], line: Line, interrupted: asyncio.Event | None
    ) -> int:
        variables = environment(self._host, self._stand_ins, dict(process.env))
        child = await start(command.argv, executable=command.program, environment=variables, cwd=self._host.root)
        self.children.add(child.pid)
        watching = asyncio.create_task(_kill_when(interrupted, child.pid)) if interrupted else None
        try:
            unmap = None if command.own else self._host.root
            return await carry(child, None if interrupted else process, line, unmap=unmap)
        finally:
            if watching:
                watching.cancel()
            self.children.discard(child.pid)

    def kill_children(self) -> None:
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


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


async def _kill_when(interrupted: asyncio.Event, group: int) -> None:
    await interrupted.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)


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
