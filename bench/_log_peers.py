"""What `bench.log` holds the console's live log against besides: Buildbot and frontail, each as its own documentation has it run.

Lines are appended to a file. frontail follows it; Buildbot has a build whose one step is `tail -f`. Their viewers ask for as little as
their pages do: frontail sends each line by socket.io; Buildbot's websocket says how many lines there are, and a request fetches them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench._log_lines import lines
from bench._log_viewers import Viewer, connected
from bench._peers import node_with, python_with
from faults.points import NotRun

BUILDBOT = tuple(f"{name}==4.3.0" for name in ("buildbot", "buildbot-www", "buildbot-worker"))
FRONTAIL = "frontail==4.9.2"
FOLLOW = ["tail", "-n", "+1", "-s", "0.01", f"--pid={os.getpid()}", "-f"]
PING = 20.0  # seconds: socket.io's client speaks first
MASTER = """
from buildbot.plugins import *
factory = util.BuildFactory([steps.ShellCommand(command={command!r}, logEnviron=False)])
c = BuildmasterConfig = {{
    "workers": [worker.LocalWorker("here")], "protocols": {{"pb": {{"port": "tcp:0:interface=127.0.0.1"}}}}, "buildbotNetUsageData": None,
    "builders": [util.BuilderConfig(name="log", workernames=["here"], factory=factory)],
    "schedulers": [schedulers.Periodic(name="at once", builderNames=["log"], periodicBuildTimer=86400)],
    "www": {{"port": "tcp:{port}:interface=127.0.0.1", "plugins": {{}}}}, "buildbotURL": "http://127.0.0.1:{port}/",
    "db": {{"db_url": "sqlite:///state.sqlite"}},
}}
"""


class Peer:
    """As the ways of `bench.log`: viewers that have joined, and lines for them. They are numbered from 1."""

    def __init__(self, port: int, file: Path) -> None:
        self.port, self.file = port, file
        self.written = 0

    def write(self, count: int, rate: float) -> None:
        with self.file.open("ab", buffering=0) as out:
            for line in lines(count, rate):
                self.written += 1
                out.write(b"%d %s" % (self.written, line))

    async def viewer(self) -> Viewer:
        raise AssertionError("each peer has its own")


class Frontail(Peer):
    async def viewer(self) -> Viewer:
        room = b"/" + hashlib.md5(str(self.file).encode(), usedforsecurity=False).hexdigest().encode()
        found = await connected(lambda request: FrontailViewer(request, _no_lines), self.port, "/socket.io/?EIO=3&transport=websocket", {})
        await asyncio.wait_for(found.enter(room), 30)
        return found


class FrontailViewer(Viewer):
    _room = b""

    async def enter(self, room: bytes) -> None:
        self._room, self._there = room, asyncio.Event()
        self.say(b"40%s," % room)
        self._ping()
        await self._there.wait()

    def _ping(self) -> None:
        if not self.closed:
            self.say(b"2")
            asyncio.get_running_loop().call_later(PING, self._ping)

    def _note(self, payload: bytes) -> None:
        head = b"42%s," % self._room
        if payload.startswith(b'%s["line","' % head):
            number = int(payload[len(head) + 9 :].split(b" ", 1)[0])
            self.take(number, number)
        elif self._room and payload.startswith(b"40" + self._room):
            self._there.set()


class Buildbot(Peer):
    def __init__(self, port: int, file: Path, log: int, before: int) -> None:
        super().__init__(port, file)
        self.log, self.before = log, before  # lines that Buildbot itself wrote, above those of the command

    async def viewer(self) -> Viewer:
        found = await connected(lambda request: BuildbotViewer(request, _no_lines), self.port, "/ws", {})
        await asyncio.wait_for(found.follow(self), 30)
        return found


class BuildbotViewer(Viewer):
    _peer: Buildbot

    async def follow(self, peer: Buildbot) -> None:
        self._peer, self._there, self._news, self._wanted = peer, asyncio.Event(), asyncio.Event(), 0
        self.say(json.dumps({"cmd": "startConsuming", "path": f"logs/{peer.log}/*", "_id": 1}).encode())
        await self._there.wait()
        self._fetching = asyncio.create_task(self._fetch())

    def _note(self, payload: bytes) -> None:
        said = json.loads(payload)
        if said.get("_id") == 1:
            self._there.set()
        elif said.get("k", "").startswith("logs/"):
            self._wanted = said["m"]["num_lines"] - self._peer.before
            self._news.set()

    async def _fetch(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._peer.port)
        while not self.closed:
            await self._news.wait()
            self._news.clear()
            while self.last < self._wanted:
                query = f"offset={self._peer.before + self.last}&limit={self._wanted - self.last}"
                writer.write(f"GET /api/v2/logs/{self._peer.log}/contents?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
                for chunk in json.loads(body)["logchunks"]:
                    rows = [row for row in chunk["content"].split("\n") if row]
                    self.take(_number(rows[0]), _number(rows[-1]))
        writer.close()


def _number(row: str) -> int:
    """`o` before it says that it went to the standard output."""
    return int(row[1:].split(" ", 1)[0])


def _no_lines(_: bytes) -> None:
    return None


# -- the servers


@contextmanager
def frontail(folder: Path, port: int) -> Iterator[Peer]:
    """Raises NotRun."""
    file = folder / "frontail.txt"
    file.touch()
    with node_with(FRONTAIL) as programs:
        own = os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        argv = [str(programs / "frontail"), "--disable-usage-stats", "-h", "127.0.0.1", "-p", str(port), str(file)]
        with _group(argv, folder, own):
            _answers(f"http://127.0.0.1:{port}/")
            yield Frontail(port, file)


@contextmanager
def buildbot(folder: Path, port: int) -> Iterator[Peer]:
    """Raises NotRun."""
    file, master = folder / "buildbot.txt", folder / "master"
    file.touch()
    with python_with(*BUILDBOT) as programs:
        argv = [str(programs / "buildbot"), "create-master", "-q", str(master)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise NotRun(f"Buildbot says {(done.stderr or done.stdout).strip()[-300:]}")
        (master / "master.cfg").write_text(MASTER.format(port=port, command=[*FOLLOW, str(file)]))
        with _group([str(programs / "twistd"), "--nodaemon", "--no_save", "--logfile=-", "-y", "buildbot.tac"], master, dict(os.environ)):
            base = f"http://127.0.0.1:{port}/api/v2"
            log = _answers(f"{base}/builds/1/steps/shell/logs")["logs"][0]
            yield Buildbot(port, file, log["logid"], _at_rest(f"{base}/logs/{log['logid']}"))


PEERS: Mapping[str, Callable[[Path, int], AbstractContextManager[Peer]]] = {"frontail": frontail, "buildbot": buildbot}


def _at_rest(url: str) -> int:
    """Lines of a log to which nothing is added any more."""
    before = -1
    while before != (now := _answers(url)["logs"][0]["num_lines"]):
        before = now
        time.sleep(6)  # Buildbot's worker keeps what is printed back for five
    return int(now)


def _answers(url: str, seconds: float = 90) -> Any:
    """Its JSON, or its text, once there is something. Raises NotRun."""
    end, said = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        try:
            answer = httpx.get(url, timeout=5, trust_env=False)
            said = answer.text
            if answer.status_code == 200 and (not said.startswith("{") or any(answer.json().get("logs", ()))):
                return answer.json() if said.startswith("{") else said
        except httpx.HTTPError as error:
            said = str(error)
        time.sleep(0.2)
    raise NotRun(f"{url} gave nothing to go on within {seconds:.0f} s: {said[-200:]}")


@contextmanager
def _group(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(argv, cwd=folder, env=dict(env), stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    except NotRun as reason:
        raise NotRun(f"{reason} {(folder / 'log').read_text()[-300:]}") from None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
