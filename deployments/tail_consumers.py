"""`/ws/tail/?service=S&environment=E&log=KEY&host=fe-1&host=fe-2`: the lines of a log on several hosts as they come, each by itself.

Nothing is stored and nothing is published: each viewer's own look, once a second, as long as the page is open and the person may see it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async

from deployments import tails
from deployments.tails import KnownLog
from estate.definition import UnknownTarget
from estate.reading import current
from runs.consumers import Watching
from runs.redact import Redactor

EVERY = 1.0  # seconds between two looks
LESS_OFTEN = 5.0  # where there is nothing to be had
BEAT = 15.0  # a page that hears nothing for 40 s connects anew


class TailConsumer(Watching):
    """Frames: {"kind": "lines", "host", "lines"} and {"kind": "problem", "host", "said"}, and {"kind": "beat"}."""

    async def find(self) -> bool:
        asked = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"))
        self._asked = asked
        self.environment = asked.get("environment", [""])[0]
        return True

    async def send_frames(self) -> None:
        log, hosts = await _wanted(self._asked)
        if log is None or not hosts:
            await self._say({"kind": "problem", "host": "", "said": "Name a service, one of its logs and its hosts."})
        await asyncio.gather(self._beat(), *(self._follow(name, ip, log) for name, ip in hosts if log is not None))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            await self._say({"kind": "beat"})

    async def _follow(self, name: str, ip: str, log: KnownLog) -> None:
        offset: int | None = None
        redactor, said = Redactor(), ""
        while True:
            piece = await asyncio.to_thread(tails.read, ip, log.path, offset)
            offset = piece.offset
            if piece.lines:
                lines = redactor.clean("\n".join(piece.lines)).split("\n")
                await self._say({"kind": "lines", "host": name, "lines": lines})
            if piece.problem != said:
                said = piece.problem
                await self._say({"kind": "problem", "host": name, "said": said})
            await asyncio.sleep(LESS_OFTEN if piece.problem else EVERY)

    async def _say(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(frame, ensure_ascii=False))


@database_sync_to_async  # type: ignore[untyped-decorator]  # Channels has no types
def _wanted(asked: dict[str, list[str]]) -> tuple[KnownLog | None, list[tuple[str, str]]]:
    """The log and the hosts, as (name, address), that the question names and the estate knows."""
    one = {name: values[0] for name, values in asked.items()}
    try:
        target = current().target(one.get("service", ""), one.get("environment", ""))
    except UnknownTarget:
        return None, []
    log = next((each for each in tails.logs_of(target) if each.key == one.get("log")), None)
    hosts = [host for host in tails.hosts_of(target) if host.name in asked.get("host", ())][: tails.HOSTS]
    return log, [(host.name, str(host.private_ip)) for host in hosts]
