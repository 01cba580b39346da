"""A hundred websockets in one process, read with as little work as can be: what is measured is the server.

Each notes when which numbers came, and refuses a gap, a double, or lines out of order.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import TypeVar, cast

# From the text of a message: first number, last number; None for a message without lines.
Numbers = Callable[[bytes], tuple[int, int] | None]
AViewer = TypeVar("AViewer", bound="Viewer")


class Viewer(asyncio.Protocol):
    """A websocket that listens. Messages of a server are not masked."""

    def __init__(self, request: bytes, numbers: Numbers, seen: int = 0) -> None:
        self.last = seen
        self.came: list[tuple[int, float]] = []  # (last number, when)
        self.wrong = ""
        self.first_messages: list[bytes] = []
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._numbers = numbers
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self.reached: dict[int, asyncio.Event] = {}
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.accepted.done():
            head, found, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.accepted.set_exception(RuntimeError(head.decode("latin-1")))
                return
            self.accepted.set_result(None)
            self._data = bytearray(rest)
        while self._take_message():
            pass

    def _take_message(self) -> bool:
        data = self._data
        if len(data) < 2:
            return False
        length, start = data[1] & 127, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(data) < start:
                return False
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return False
        payload = bytes(data[start : start + length])
        kind = data[0] & 15
        del data[: start + length]
        if kind == 9 and self._transport:  # a ping wants its pong, masked with zeros
            self._transport.write(bytes([0x8A, 0x80 | length]) + bytes(4) + payload)
        elif kind in (1, 2):
            self._note(payload)
        return True

    def _note(self, payload: bytes) -> None:
        found = self._numbers(payload)
        if found is not None:
            self.take(*found)

    def take(self, first: int, last: int) -> None:
        """These lines have come."""
        if first != self.last + 1:
            self.wrong = self.wrong or f"after line {self.last} came line {first}"
        self.last = last
        self.came.append((last, time.monotonic()))
        for number, event in self.reached.items():
            if last >= number:
                event.set()

    async def until(self, number: int) -> None:
        if self.last < number:
            self.reached[number] = asyncio.Event()
            await self.reached[number].wait()

    def say(self, text: bytes) -> None:
        """A short text, masked with zeros."""
        if self._transport:
            self._transport.write(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)

    def close(self) -> None:
        self.closed = True
        if self._transport:
            self._transport.close()


async def connect(port: int, path: str, headers: dict[str, str], numbers: Numbers) -> Viewer:
    return await connected(lambda request: Viewer(request, numbers), port, path, headers)


async def connected(make: Callable[[bytes], AViewer], port: int, path: str, headers: dict[str, str]) -> AViewer:
    """One that is made with its request, and has been accepted."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, **headers}
    request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request += "Sec-WebSocket-Version: 13\r\n\r\n"
    _, viewer = await asyncio.get_running_loop().create_connection(lambda: make(request.encode()), "127.0.0.1", port)
    await asyncio.wait_for(viewer.accepted, 30)
    return viewer


def last_of_all(viewers: list[Viewer], first: int, last: int) -> list[float]:
    """For each line from `first` to `last`: when the last viewer had it (monotonic seconds)."""
    arrived = [0.0] * (last - first + 1)
    for viewer in viewers:
        number = first
        for upto, when in viewer.came:
            while number <= min(upto, last):
                arrived[number - first] = max(arrived[number - first], when)
                number += 1
    return arrived
