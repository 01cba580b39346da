"""The baseline of `bench.log`: uvicorn and SQLite, and nothing else. Lines come in on a unix socket; what has come is stored and broadcast.

No accounts, no Redis, no framework. Each message: "FIRST LAST\n" and the lines.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from typing import Any

_viewers: set[asyncio.Queue[str]] = set()
_last = 0


async def _take_in(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    global _last
    database = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE chunk (first INTEGER PRIMARY KEY, last INTEGER, text TEXT)")
    rest = b""
    while data := await reader.read(65_536):
        whole, newline, rest = (rest + data).rpartition(b"\n")
        if not newline:
            continue
        text = whole.decode()
        first, _last = _last + 1, _last + 1 + text.count("\n")
        database.execute("INSERT INTO chunk VALUES (?, ?, ?)", (first, _last, text))
        message = f"{first} {_last}\n{text}"
        for viewer in _viewers:
            viewer.put_nowait(message)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await asyncio.start_unix_server(_take_in, os.environ["BENCH_SOCKET"])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    mine: asyncio.Queue[str] = asyncio.Queue()
    _viewers.add(mine)
    while True:
        await send({"type": "websocket.send", "text": await mine.get()})
