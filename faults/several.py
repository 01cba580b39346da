"""A rig of several machines: the console's web, worker, scheduler and broker on each, PostgreSQL and Redis on one of their own.

Between them is a network that can be cut (`faults.machines`). The estate, AWS and people reach each machine by wires of their own, so that
one that is cut off from the database can still change the world: the worse case. People go on to another machine when one says nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import websockets

from door.places import valkey_server
from faults.browser import session
from faults.machines import Network
from faults.postgresql import Cluster
from faults.processes import Nursery, ended, started, until
from faults.proxy import Proxy
from faults.rig import Rig

DATA, NAMES = "data", ("a", "b", "c")
WEB, REDIS = 8000, 6379  # each machine has these ports for itself
SILENCE = 5.0  # seconds after which a page connects anew
HOLDS = 30.0  # seconds, as in production: one that is cut off is at its duty for some ten more before it gives up
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)|^\s*Port (\d+)", re.MULTILINE)


@dataclass
class Machine:
    name: str
    env: Mapping[str, str]
    nursery: Nursery
    door: Proxy  # by which people come in
    wires: Sequence[Proxy]  # to the estate and AWS
    broker: subprocess.Popen[bytes] | None = None

    def loses_power(self) -> None:
        self.nursery.kill_all()
        if self.broker is not None:
            self.broker.kill()
            self.broker.wait()
        self.door.reset()

    def close(self) -> None:
        self.nursery.close()
        ended(self.broker)
        for wire in (self.door, *self.wires):
            wire.close()


class Several(Rig):
    """On a network that has `DATA` and `NAMES`."""

    def __init__(self, network: Network, **more: Any) -> None:
        super().__init__(**more)
        self.network = network
        self.machines: dict[str, Machine] = {}

    def __enter__(self) -> Several:
        super().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines.values():
            machine.close()
        super().__exit__()

    def _start_stores(self, env: Mapping[str, str]) -> dict[str, str]:
        inside, address, password = self.network.inside(DATA), self.network.addresses[DATA], secrets.token_hex(8)
        self.cluster = Cluster(inside=inside, address=address)
        argv = [
            valkey_server(),
            "--bind",
            address,
            "--port",
            str(REDIS),
            "--requirepass",
            password,
            "--save",
            "",
            "--dir",
            str(self.folder),
        ]
        self._processes.append(started([*inside, *argv], env, self.folder / "valkey.log"))
        redis = f"redis://:{password}@{address}:{REDIS}/0"
        return {"DATABASE_URL": self.cluster.url, "REDIS_URL": redis, "AUDIT_KEY": secrets.token_urlsafe(32)}

    def _ways_to_hosts(self) -> dict[str, str]:
        return {}

    def done(self, argv: list[str]) -> str:
        """On the first machine."""
        return super().done([*self.network.inside(NAMES[0]), *argv])

    def _start_console(self) -> None:
        self.done([sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"])
        for number, name in enumerate(NAMES):
            self.machines[name] = self._machine(name, self.port if number == 0 else 0)
            self.start(name)
        self.stand_at(NAMES[0])

    def _machine(self, name: str, port: int) -> Machine:
        folder = self.folder / name
        folder.mkdir()
        (folder / "staticfiles").symlink_to(self.folder / "console/staticfiles")
        env = self.env | {"DATA_DIR": str(folder), "SSH_BROKER": str(folder / "ssh")}
        said = "\n".join((*self.env.values(), Path(self.ready["ssh_config"]).read_text()))
        ports = {int(one or other) for one, other in _LOOPBACK.findall(said)} - {self.port}
        wires = [Proxy(port, listener=self.network.listening(name, port)) for port in sorted(ports)]
        door = Proxy(WEB, listener=socket.create_server(("127.0.0.1", port)), connect=partial(self.network.connected, name, WEB))
        return Machine(name, env, Nursery(env, folder, inside=self.network.inside(name)), door, wires)

    def start(self, name: str) -> None:
        """All of a machine's processes but its worker, which a schedule hires."""
        machine = self.machines[name]
        argv = [*self.network.inside(name), sys.executable, "-m", "remote.ssh.broker", machine.env["SSH_BROKER"]]
        machine.broker = started(argv, machine.env, self.folder / name / "broker.log")
        self.at(name, "scheduler", duties=True, holds=HOLDS)
        self.at(name, "web", port=WEB)
        until(f"the web of {name}", partial(self.answers, name), seconds=60)

    def at(self, name: str, role: str, **more: Any) -> int:
        """Forks a process there."""
        return self.machines[name].nursery.fork(role, journal=str(self.journal), **more)

    def stand_at(self, name: str) -> None:
        """Who asks, and what is asked of the console, is there from now on."""
        machine = self.machines[name]
        self.nursery, self.port, self.http = machine.nursery, machine.door.port, self.caller(machine.door.port)

    def answers(self, name: str) -> bool:
        with suppress(httpx.HTTPError), self.caller(self.machines[name].door.port) as caller:
            return caller.get("/api/v1/services").status_code == 200  # the database knows who asks
        return False

    def duties(self) -> dict[str, str]:
        """The machine that has each duty of a scheduler, as the database says."""
        with psycopg.connect(self.cluster.dsn) as connection:
            return {name: owner.partition(":")[0] for name, owner in connection.execute("SELECT name, owner FROM duty").fetchall()}


class Viewers:
    """People who watch a run, one before each machine; each goes on to the next machine where theirs says nothing."""

    def __init__(self, rig: Several, number: int) -> None:
        headers = {"Cookie": session(rig), "Origin": rig.env["SITE_URL"]}
        ways = [f"ws://127.0.0.1:{machine.door.port}/ws/runs/{number}/" for machine in rig.machines.values()]
        self.seen: dict[str, list[int]] = {name: [] for name in rig.machines}
        self._end = threading.Event()
        watching = [self._watch(seen, ways[at:] + ways[:at], headers) for at, seen in enumerate(self.seen.values())]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all(watching)), name="viewers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._thread.join(20)

    async def _all(self, watching: Sequence[Coroutine[None, None, None]]) -> None:
        tasks = [asyncio.create_task(each) for each in watching]
        await asyncio.to_thread(self._end.wait)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _watch(self, seen: list[int], ways: Sequence[str], headers: dict[str, str]) -> None:
        for way in itertools.cycle(ways):
            with suppress(OSError, websockets.WebSocketException, TimeoutError):
                url = f"{way}?after={seen[-1] if seen else 0}"
                async with websockets.connect(url, additional_headers=headers, proxy=None, open_timeout=5) as wire:
                    while True:
                        frame = json.loads(await asyncio.wait_for(wire.recv(), SILENCE))
                        if frame.get("kind") == "lines":
                            seen += range(frame["first"], frame["last"] + 1)
            await asyncio.sleep(0.3)
