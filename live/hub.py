"""One subscription to each Redis for all viewers of a web process: each frame is read once and handed to those who watch its channel.

What a frame says is not known here. A viewer that cannot keep up loses its frames and is told so: it reads the database then, and never
slows the others or a writer. The same after a Redis was away: whoever watched a channel of it may have missed something.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.exceptions import RedisError

from live.publish import PREFIX
from live.wire import keep_alive, name, shard_of, shards

logger = logging.getLogger(__name__)

INBOX = 4_000_000  # characters that wait for one viewer; beyond that it has fallen behind
SILENCE = 15.0  # seconds without a frame after which the connection is tried


@dataclass(frozen=True, slots=True)
class Frame:
    """`text` goes to the browser as it is; `data` is the same, read once for all viewers."""

    text: str
    data: dict[str, Any]


class Viewer:
    """The inbox of one who watches."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._behind = False
        self._news = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        if self._behind:
            return
        if self._size + len(frame.text) > INBOX:
            self.fall_behind()
            return
        self._frames.append(frame)
        self._size += len(frame.text)
        self._news.set()

    def fall_behind(self) -> None:
        self._frames.clear()
        self._size = 0
        self._behind = True
        self._news.set()

    async def next(self, *, patience: float) -> Frame | None:
        """The next frame. None: some were lost, or so many seconds went by without one; read the database."""
        if not self._frames and not self._behind:
            self._news.clear()
            try:
                async with asyncio.timeout(patience):
                    await self._news.wait()
            except TimeoutError:
                return None
        if self._behind:
            self._behind = False
            return None
        frame = self._frames.popleft()
        self._size -= len(frame.text)
        return frame


class Shard:
    """One Redis that carries frames: the task that reads it, and the viewers of its channels. Nothing of it concerns the others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._viewers: dict[str, set[Viewer]] = {}
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    def add(self, channel: str, viewer: Viewer) -> None:
        self._viewers.setdefault(channel, set()).add(viewer)

    def discard(self, channel: str, viewer: Viewer) -> None:
        self._viewers[channel].discard(viewer)
        if not self._viewers[channel]:
            del self._viewers[channel]

    def listen(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="live-hub")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _listen(self) -> None:
        wait = 0.1
        while True:
            try:
                await self._read_redis()
            except (RedisError, OSError) as error:
                logger.warning("no frames from %s (%s); trying again in %.1f s", name(self._url), error, wait)
            if self.connected.is_set():
                self.connected.clear()
                wait = 0.1
            await asyncio.sleep(wait)
            wait = min(2 * wait, 2.0)

    async def _read_redis(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=2, socket_timeout=SILENCE + 5, **keep_alive(self._url))
        async with client, client.pubsub() as subscription:
            await subscription.psubscribe(PREFIX + "*")
            while True:
                message = await subscription.get_message(timeout=SILENCE)
                if message is None:
                    await subscription.ping()
                elif message["type"] == "psubscribe":
                    self._missed_something()
                    self.connected.set()
                elif message["type"] == "pmessage":
                    self._hand_out(message["channel"].decode().removeprefix(PREFIX), message["data"].decode())

    def _hand_out(self, channel: str, text: str) -> None:
        viewers = self._viewers.get(channel)
        if viewers:
            frame = Frame(text, json.loads(text))
            for viewer in viewers:
                viewer.offer(frame)

    def _missed_something(self) -> None:
        for viewers in self._viewers.values():
            for viewer in viewers:
                viewer.fall_behind()


class Hub:
    """The viewers of this process, each with the shards of what it watches."""

    def __init__(self) -> None:
        self._shards = {url: Shard(url) for url in shards()}

    @asynccontextmanager
    async def watching(self, *channels: str) -> AsyncIterator[Viewer]:
        """Frames from now on. Whoever reads the database after this misses none."""
        viewer = Viewer()
        for channel in channels:
            self._of(channel).add(channel, viewer)
        for shard in self._shards.values():
            shard.listen()
        try:
            yield viewer
        finally:
            for channel in channels:
                self._of(channel).discard(channel, viewer)

    async def connected(self) -> None:
        """Waits until frames of every channel are heard."""
        for shard in self._shards.values():
            await shard.connected.wait()

    async def close(self) -> None:
        for shard in self._shards.values():
            await shard.close()

    def _of(self, channel: str) -> Shard:
        return self._shards[shard_of(channel)]


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """This process's: a web process has one event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
