"""P5: the live log survives whatever happens to the web. Points: WHAT:N, the N-th burst of 500 lines, with viewers before it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import websockets

from faults import small_plans, timing
from faults.browser import session
from faults.points import Promise, Verdict
from faults.rig import Rig

LINE = "line {:06d}"  # as `faults.roles` writes them, from 0 on
LINES, RATE, VIEWERS, BURSTS = 500, 200, 50, 20
WHAT = ("web", "redis", "both")
PATIENCE = 60.0  # seconds after the last line; a page looks into the database after five of silence
OPENING = 5.0  # seconds for a socket to open
RECONNECT = 3.0


def points(rig: Rig) -> Iterator[str]:
    for number in range(1, BURSTS + 1):
        yield f"web:{number}"
    yield "redis:1"
    yield "both:1"


@dataclass
class Viewer:
    """What one browser has seen, with the number of each line; it comes back by itself, as the page's script does."""

    seen: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # lines that are not what was written under their number
    away_since: float = 0.0
    longest_away: float = 0.0

    async def watch(self, url: str, headers: dict[str, str], last: int, up: asyncio.Event) -> None:
        while not self.seen or self.seen[-1] < last:
            try:
                async with websockets.connect(
                    f"{url}?after={self.seen[-1] if self.seen else 0}",
                    additional_headers=headers,
                    proxy=None,
                    open_timeout=OPENING * timing.slack(),
                ) as socket:
                    if self.away_since and up.is_set():
                        self.longest_away = max(self.longest_away, time.monotonic() - self.away_since)
                    self.away_since = 0.0
                    async for text in socket:
                        self.take(json.loads(text))
                        if self.seen and self.seen[-1] >= last:
                            return
            except (OSError, websockets.WebSocketException, TimeoutError):
                self.away_since = self.away_since or time.monotonic()
                await asyncio.sleep(0.3)

    def take(self, frame: dict[str, Any]) -> None:
        """Each line that it brought, by the number that the line itself says: what stands above them proves nothing."""
        if frame.get("kind") == "lines":
            lines = [line for chunk in frame["chunks"] for line in _numbered(chunk)]
            self.seen += [number for number, _ in lines]
            self.wrong += [f"number {number}: {text[:40]!r}" for number, text in lines if text != LINE.format(number - 1)]
            said, brought = (frame["first"], frame["last"]), (lines[0][0], lines[-1][0]) if lines else (0, 0)
            if said != brought:
                self.wrong.append(f"a frame of lines {said[0]} to {said[1]} brings {brought[0]} to {brought[1]}")


def _numbered(chunk: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    return enumerate(chunk["text"].split("\n"), chunk["first"])


def run(rig: Rig, point: str) -> Verdict:
    what, _ = point.split(":")
    number = small_plans.started(rig, small_plans.nothing(rig, f"faults-log-{time.monotonic_ns()}"))
    return asyncio.run(_burst(rig, number, what))


async def _burst(rig: Rig, number: int, what: str) -> Verdict:
    headers = {"Cookie": await asyncio.to_thread(session, rig), "Origin": f"http://127.0.0.1:{rig.port}"}
    url = f"ws://127.0.0.1:{rig.port}/ws/runs/{number}/"
    up = asyncio.Event()
    viewers = [Viewer() for _ in range(VIEWERS)]
    tasks = [asyncio.create_task(viewer.watch(url, headers, LINES, up)) for viewer in viewers]
    await asyncio.sleep(1)
    await asyncio.to_thread(rig.fork, "lines", run=number, count=LINES, rate=RATE)
    await asyncio.sleep(LINES / RATE / 2)
    await asyncio.to_thread(_strike, rig, what)
    back = time.monotonic()
    up.set()
    for viewer in viewers:
        viewer.away_since = back if viewer.away_since else 0.0
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*tasks), LINES / RATE + PATIENCE * timing.slack())
    slowest = sorted(viewer.longest_away for viewer in viewers)[int(len(viewers) * 0.95)]
    found = _judge(viewers)
    stored = [line["seq"] for line in await asyncio.to_thread(rig.log, number)]
    if stored != list(range(1, LINES + 1)):
        found.append(f"{len(stored)} of {LINES} lines are stored")
    if slowest > RECONNECT * timing.slack():
        found.append(f"95 % of the viewers were back after {slowest:.1f} s; {RECONNECT:.0f} s are promised")
    return Verdict(found, slowest)


def _strike(rig: Rig, what: str) -> None:
    if what in ("redis", "both"):
        rig.valkey.kill()
    if what in ("web", "both"):
        rig.nursery.kill(rig.web)
    if what in ("redis", "both"):
        rig.valkey.start()
    if what in ("web", "both"):
        rig.start_web()


def _judge(viewers: list[Viewer]) -> list[str]:
    wanted = list(range(1, LINES + 1))
    lost = sum(len(set(wanted) - set(viewer.seen)) for viewer in viewers)
    doubled = sum(len(viewer.seen) - len(set(viewer.seen)) for viewer in viewers)
    disordered = sum(viewer.seen != sorted(viewer.seen) for viewer in viewers)
    found = []
    if lost:
        short = [viewer for viewer in viewers if set(wanted) - set(viewer.seen)]
        last = sorted(viewer.seen[-1] if viewer.seen else 0 for viewer in short)
        found.append(f"{lost} lines did not reach {len(short)} of {len(viewers)} viewers, whose last lines are {last[:5]} … {last[-1]}")
    if doubled:
        found.append(f"{doubled} lines reached a viewer twice")
    if disordered:
        found.append(f"{disordered} viewers saw lines out of their order")
    if wrong := [each for viewer in viewers for each in viewer.wrong]:
        found.append(f"{len(wrong)} lines are not what was written: {wrong[:3]}")
    return found


PROMISE = Promise("P5", "The live log survives whatever happens to the web: nothing lost, doubled or out of order", points, run)
