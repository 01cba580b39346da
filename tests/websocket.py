"""A browser's end of a websocket, spoken to the ASGI application itself. (Channels' own wants daphne to be installed.)"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from asgiref.testing import ApplicationCommunicator

PATIENCE = 10  # seconds


class Websocket:
    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        path, _, query = path.partition("?")
        scope = {"type": "websocket", "path": unquote(path), "query_string": query.encode(), "headers": headers, "subprotocols": []}
        self._end: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]

    async def connect(self) -> bool:
        await self._end.send_input({"type": "websocket.connect"})
        return bool((await self.output())["type"] == "websocket.accept")

    async def output(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._end.receive_output(PATIENCE)
        return message

    async def is_silent(self) -> bool:
        """Nothing came for a moment."""
        return bool(await self._end.receive_nothing(0.2))

    async def hear(self) -> str:
        message = await self.output()
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def say(self, text: str) -> None:
        await self._end.send_input({"type": "websocket.receive", "text": text})

    async def disconnect(self) -> None:
        await self._end.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._end.wait(PATIENCE)
