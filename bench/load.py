"""How many runs at once, and how many viewers, this machine holds: the curve, up to where it saturates.

The whole console against the estate in a box: web, scheduler, a worker for each run, Valkey, SQLite. A run of this bench is one command
on a host, which prints ten lines a second; each is watched by five websockets, while a person loads *Now* once a second. The number of
runs doubles until lines come late (the 95th percentile above a second) or runs take half as long again as their command. One row for each
number: `ours` is the 95th percentile from the line's printing on the host to its viewer, `baseline` the same with one run alone.

The box, the hosts' commands, the viewers and the console share the machine's cores: what is shown is the whole, not the console alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from bench._log_viewers import connect
from faults import small_plans
from faults.browser import session
from faults.rig import Rig

VIEWERS, LINES, PACE, LONG = 5, 200, 0.1, 90  # a run; lines, seconds between two, characters
MOST = 64  # runs
LATE, STRETCHED = 1000.0, 1.5  # ms; times its command
PRODUCTION = {
    "LEASE_SECONDS": "20", "TICK_SECONDS": "60", "RING_SECONDS": "2", "POLL_ACTIVE_SECONDS": "1", "POLL_IDLE_SECONDS": "10",
    "PROBE_SECONDS": "1", "LOG_LEVEL": "ERROR",
}  # fmt: skip
_STAMP = re.compile(r"at=(\d+\.\d+)")


@dataclass
class Seen:
    """Of one step of the curve. `lags` and `pages` in milliseconds, `took` in seconds, `busy` the share of all cores."""

    runs: int
    lags: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    busy: float = 0.0
    failed: int = 0

    @property
    def lag(self) -> float:
        """Infinite where no line was printed after the last viewer had come."""
        return _p95(self.lags) if self.lags else float("inf")

    @property
    def stretch(self) -> float:
        """The slowest run against its command."""
        return max(self.took, default=0.0) / (LINES * PACE)

    @property
    def is_too_much(self) -> bool:
        return self.lag > LATE or self.stretch > STRETCHED or bool(self.failed)

    def __str__(self) -> str:
        lines = f"lines after {statistics.median(self.lags or [0]):.0f} ms, 95 % {self.lag:.0f} ms"
        pages = f"Now 95 % {_p95(self.pages):.0f} ms"
        runs = f"the slowest run {self.stretch:.2f} × its command"
        failed = f"; {self.failed} did not succeed" if self.failed else ""
        return f"{self.runs:>3} runs, {self.runs * VIEWERS:>3} viewers: {lines}; {pages}; {runs}; cores {self.busy:.0%} busy{failed}"


def run(*, quick: bool) -> list[dict[str, object]]:
    steps: list[Seen] = []
    with Rig(speed=25, more=PRODUCTION) as rig:
        cookie = session(rig)
        hosts = [(host["name"], host["private_ip"]) for host in rig.http.get("/api/v1/hosts").json()["items"] if host.get("beanstalk")]
        number, workers = 1, 0
        while number <= (4 if quick else MOST):
            for _ in range(number - workers):
                rig.fork("worker")
            workers = number
            time.sleep(3)  # a fork that waits for its first job
            steps.append(_step(rig, cookie, hosts, number))
            print(steps[-1], file=sys.stderr, flush=True)
            if steps[-1].is_too_much:
                break
            number *= 2
    over = steps[-1]
    said = f"saturates at {over.runs} runs" if over.is_too_much else f"{over.runs} runs at once are held; more were not tried"
    print(f"load: {said}", file=sys.stderr, flush=True)
    return [
        {
            "bench": "load", "case": f"{each.runs}-runs", "ours": each.lag, "baseline": steps[0].lag, "unit": "ms",
            "ratio": each.lag / steps[0].lag, "better": "lower", "viewers": each.runs * VIEWERS, "page": _p95(each.pages),
            "stretch": each.stretch, "busy": each.busy,
        }
        for each in steps
    ]  # fmt: skip


def _step(rig: Rig, cookie: str, hosts: list[tuple[str, str]], number: int) -> Seen:
    seen = Seen(number)
    printed = f"import time; [(print('at=%.3f' % time.time(), 'x' * {LONG}, flush=True), time.sleep({PACE})) for _ in range({LINES})]"
    plans = [small_plans.command(rig, *hosts[each % len(hosts)], (sys.executable, "-c", printed)) for each in range(number)]
    over = threading.Event()
    person = threading.Thread(target=_look, args=(rig, cookie, seen, over))
    person.start()
    idle, total = _cores()
    runs = [small_plans.started(rig, plan) for plan in plans]
    try:
        asyncio.run(_watch(rig, cookie, runs, seen))
    finally:
        over.set()
        person.join()
    idle_then, total_then = _cores()
    seen.busy = 1 - (idle_then - idle) / (total_then - total)
    for each in runs:
        ended = rig.finished(each)
        seen.failed += ended["state"] != "succeeded"
        step = ended["steps"][0]
        seen.took.append(_seconds(step["started"], step["ended"]))
    return seen


async def _watch(rig: Rig, cookie: str, runs: list[int], seen: Seen) -> None:
    """Until every viewer has the last line of its run, or that takes three times as long as the command.

    What was printed before the last viewer had come is read from the database, and is not counted in the lags.
    """
    headers = {"Origin": f"http://127.0.0.1:{rig.port}", "Cookie": cookie}
    missing, begun, over = LINES * VIEWERS * len(runs), float("inf"), asyncio.Event()

    def note(payload: bytes) -> None:
        nonlocal missing
        frame, now = json.loads(payload), time.time()
        if frame.get("kind") == "lines":
            stamps = [float(stamp) for chunk in frame["chunks"] for stamp in _STAMP.findall(chunk["text"])]
            seen.lags += [1000 * (now - stamp) for stamp in stamps if stamp > begun]
            missing -= len(stamps)
            if missing <= 0:
                over.set()

    viewers = await asyncio.gather(*(connect(rig.port, f"/ws/runs/{run}/", headers, note) for run in runs for _ in range(VIEWERS)))
    begun = time.time()
    try:
        await asyncio.wait_for(over.wait(), 3 * LINES * PACE)
    except TimeoutError:
        seen.failed += 1
    for viewer in viewers:
        viewer.close()


def _look(rig: Rig, cookie: str, seen: Seen, over: threading.Event) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{rig.port}", headers={"Cookie": cookie}, timeout=60, trust_env=False) as client:
        while not over.wait(1.0):
            began = time.perf_counter()
            client.get("/").raise_for_status()
            seen.pages.append(1000 * (time.perf_counter() - began))


def _cores() -> tuple[int, int]:
    """Ticks that all cores were idle, and all ticks."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _p95(figures: list[float]) -> float:
    return statistics.quantiles(figures, n=20)[-1] if len(figures) > 1 else sum(figures)
