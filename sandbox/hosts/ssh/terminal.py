"""`ssh HOST` without a command: a prompt that takes one command after the other, each as an exec request would be.

It is no shell: no pipes, no variables, no folders to change to. With a terminal it echoes, deletes and lets Ctrl-C end what runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncssh

from sandbox.world import Host

_WELCOME = b"One command a line, no shell: as in `ssh HOST COMMAND`. `exit` leaves.\n"
_CHUNK = 1024
_INTERRUPT, _END, _DELETE_LINE = 0x03, 0x04, 0x15
_DELETE = (0x08, 0x7F)

Write = Callable[[bytes], Awaitable[None]]
Run = Callable[[str], Awaitable[int]]


async def converse(process: asyncssh.SSHServerProcess[bytes], host: Host, write: Write, run: Run, interrupt: Callable[[], None]) -> int:
    """Until `exit` or the end of the input; the last command's exit code. `write` sends a line's end as a terminal wants it."""
    keys = _Keys(process, write)
    prompt = f"[ec2-user@ip-{host.private_ip.replace('.', '-')} /]$ ".encode() if keys.echo else b""
    await write(_WELCOME if keys.echo else b"")
    code = 0
    while True:
        await write(prompt)
        text = await keys.line()
        if text is None or text.strip() in ("exit", "logout"):
            return code
        if text.strip():
            running = asyncio.ensure_future(run(text))
            await keys.watch(running, interrupt)
            code = await running


class _Keys:
    """What is typed. What comes while a command runs is kept for the next line."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes], write: Write) -> None:
        self.echo = process.term_type is not None
        self._process, self._write = process, write
        self._kept = b""
        self._reading: asyncio.Future[bytes] | None = None

    async def line(self) -> str | None:
        """None at the end of the input."""
        typed = bytearray()
        while True:
            if not self._kept:
                self._kept = await self._more()
                if not self._kept:
                    return typed.decode("utf-8", "replace") if typed else None
            key, self._kept = self._kept[0], self._kept[1:]
            if key in (0x0D, 0x0A):
                await self._echo(b"\n")
                return typed.decode("utf-8", "replace")
            if self.echo and key == _END and not typed:
                await self._echo(b"\n")
                return None
            await self._edit(typed, key)

    async def _edit(self, typed: bytearray, key: int) -> None:
        if not self.echo:
            typed.append(key)
        elif key in _DELETE:
            await self._echo(b"\b \b" * len(typed[-1:]))
            del typed[-1:]
        elif key in (_INTERRUPT, _DELETE_LINE):
            await self._echo(b"\b \b" * len(typed) if key == _DELETE_LINE else b"^C\n")
            typed.clear()
        elif key >= 0x20:
            typed.append(key)
            await self._echo(bytes((key,)))

    async def watch(self, running: asyncio.Future[int], interrupt: Callable[[], None]) -> None:
        """Until the command has ended; Ctrl-C at a terminal interrupts it."""
        while self.echo and not running.done():
            reading = self._read()
            await asyncio.wait((reading, running), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                more = await self._more()
                if bytes((_INTERRUPT,)) in more:
                    await self._echo(b"^C\n")
                if not more or bytes((_INTERRUPT,)) in more:
                    interrupt()
                    break
                self._kept += more
        await asyncio.wait((running,))

    def _read(self) -> asyncio.Future[bytes]:
        """The one read that is under way: begun while a command ran, it is finished by the next line."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._process.stdin.read(_CHUNK))
        return self._reading

    async def _more(self) -> bytes:
        reading = self._read()
        try:
            return await reading
        except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
            return await self._again()
        finally:
            self._reading = None

    async def _again(self) -> bytes:
        self._reading = None
        return await self._more()

    async def _echo(self, data: bytes) -> None:
        if self.echo:
            with contextlib.suppress(asyncssh.Error):
                await self._write(data)
