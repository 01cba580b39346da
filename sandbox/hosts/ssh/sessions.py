"""One exec request over SSH: starts the program (or plays it), passes bytes on, answers the exit code; cuts the line when a fault says so.

How bytes pass is in `sandbox.hosts.ssh.pipes`.
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
from sandbox.hosts.play import Play
from sandbox.hosts.played import play
from sandbox.hosts.ssh.commands import Command, NotFound, environment, parse
from sandbox.hosts.ssh.pipes import Line, carry, start
from sandbox.hosts.ssh.terminal import converse
from sandbox.world import Host, World


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


async def _kill_when(interrupted: asyncio.Event, group: int) -> None:
    await interrupted.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)
