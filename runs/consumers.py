"""Websockets: the lines and the doorbells of one run, and the doorbells of the estate.

A frame of lines has consecutive numbers; what is missing between two frames is read from the database, so that a viewer gets every line
once and in order, whenever it came and whatever was lost on the way. Doorbells say only that there is something to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from live.hub import Frame, Viewer, hub
from people import sessions
from people.permissions import may
from runs import doorbell, log, reading
from runs.models import LogChunk, Run
from runs.numbers import whole

logger = logging.getLogger(__name__)

QUIET = 5.0  # seconds without a frame after which a run's page looks into the database: Redis may have lost one
QUIET_ESTATE = 15.0
CHECK_AGAIN = 30.0  # seconds; who signed out or lost the role sees nothing more after that, also where Redis lost the ring
AT_ONCE = 4  # chunks in a frame that is read from the database
REFUSED = 4403
BROKEN = 1011


class Watching(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Who may watch, and for how long; what is watched is the subclass's."""

    environment = ""

    async def connect(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        if not await self.find() or not await _may(self.scope.get("user"), self.environment):
            await self.close(REFUSED)
            return
        await self.accept()
        ends = (self._end_when_done(self.send_frames()), self._end_when_done(self._check_again(), REFUSED))
        self._tasks = [asyncio.create_task(end) for end in ends]

    async def find(self) -> bool:
        """Is there such a thing?"""
        return True

    async def send_frames(self) -> None:
        """What there is to see, until the connection ends."""

    async def disconnect(self, code: int) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_when_done(self, work: Coroutine[Any, Any, None], done: int = BROKEN) -> None:
        """A fault, in sending or in checking, ends the connection: the page comes back, is checked anew, and reads what it missed."""
        code = BROKEN
        try:
            await work
            code = done
        finally:
            with contextlib.suppress(RuntimeError):  # the socket is closed already
                await self.close(code)

    async def _check_again(self) -> None:
        """Until the person may no longer watch: asked when something about them has changed, and again in any case."""
        async with hub().watching(sessions.channel(self.scope["user"].pk)) as rung:
            while True:
                await rung.next(patience=CHECK_AGAIN)
                session = import_module(settings.SESSION_ENGINE).SessionStore(self.scope["session"].session_key)
                if not await _may(await get_user({"session": session}), self.environment):
                    return


class RunConsumer(Watching):
    """`/ws/runs/<number>/?after=N`: lines above N, then all that come. The page may send {"after": N} to begin again from there."""

    number: int
    seen: int
    begin_at: int | None = None  # what the page asked for meanwhile
    viewer: Viewer | None = None

    async def find(self) -> bool:
        self.number = int(self.scope["url_route"]["kwargs"]["number"])
        asked = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace")).get("after", ["0"])[0]
        self.seen = whole(asked) or 0
        environment = await _environment(self.number)
        self.environment = environment or ""
        return environment is not None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            after = json.loads(text_data or "")["after"]
        except (ValueError, TypeError, KeyError):
            return
        if type(after) is int and 0 <= after < 10**15 and self.viewer is not None:
            self.begin_at = after
            self.viewer.fall_behind()

    async def send_frames(self) -> None:
        async with hub().watching(doorbell.channel(self.number)) as self.viewer:
            self.viewer.fall_behind()
            while True:
                frame = await self.viewer.next(patience=QUIET)
                if frame is None:
                    if self.begin_at is not None:
                        self.seen, self.begin_at = self.begin_at, None
                    await self._from_database()
                    await self._state()
                elif frame.data.get("kind") == "lines":
                    await self._lines(frame)
                else:
                    await self.send(text_data=frame.text)

    async def _lines(self, frame: Frame) -> None:
        first, last = frame.data["first"], frame.data["last"]
        if first == self.seen + 1:
            self.seen = last
            await self.send(text_data=frame.text)
        elif last > self.seen:
            await self._from_database()

    async def _from_database(self) -> None:
        while found := await _chunks(self.number, self.seen):
            after, self.seen = self.seen, found[-1].seq_last
            await self.send(text_data=json.dumps(log.frame(_above(found, after)), ensure_ascii=False, separators=(",", ":")))

    async def _state(self) -> None:
        revision = await _revision(self.number)
        if revision is not None:
            await self.send(text_data=json.dumps({"kind": "state", "run": self.number, "version": revision}))


class NowConsumer(Watching):
    """`/ws/now/`: doorbells of the estate and of every run."""

    async def send_frames(self) -> None:
        async with hub().watching("now") as viewer:
            while True:
                frame = await viewer.next(patience=QUIET_ESTATE)
                await self.send(text_data=frame.text if frame else json.dumps({"kind": "state"}))


def _above(chunks: list[LogChunk], after: int) -> list[LogChunk]:
    """Only the first can begin below."""
    first = chunks[0]
    if first.seq_first <= after:
        first.text = first.text.split("\n", after - first.seq_first + 1)[-1]
        first.seq_first = after + 1
    return chunks


@database_sync_to_async  # type: ignore[untyped-decorator]  # Channels has no types
def _may(user: object, environment: str) -> bool:
    return bool(may(user, "view", environment))


@database_sync_to_async  # type: ignore[untyped-decorator]
def _environment(number: int) -> str | None:
    return Run.objects.filter(pk=number).values_list("environment", flat=True).first()


@database_sync_to_async  # type: ignore[untyped-decorator]
def _revision(number: int) -> int | None:
    return Run.objects.filter(pk=number).values_list("revision", flat=True).first()


@database_sync_to_async  # type: ignore[untyped-decorator]
def _chunks(number: int, after: int) -> list[LogChunk]:
    return reading.chunks(number, after, most=AT_ONCE)
