"""`true` on many hosts at once through the broker, beside asyncssh, the fastest library, in an event loop with connections of its own.

Cases: `4-warm`, `100-warm` (connections open), `100-cold` (a fresh broker, a fresh loop: connections are opened). The hosts are asyncssh
listeners on loopback, in one process, which answer without a shell: what is measured is the asking. Both sides take turns; medians count.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from remote.ssh.client import Door
from remote.ssh.connections import Result

ROOT = Path(__file__).resolve().parent.parent
HOSTS = 100
DEADLINE = 60.0


def run(*, quick: bool) -> list[dict[str, object]]:
    """The rows of this bench. `quick` takes fewer rounds: enough to see that it works, not to judge."""
    cold_rounds, warm_rounds = (1, 5) if quick else (7, 40)
    with tempfile.TemporaryDirectory() as name, _hosts(Path(name)) as folder, _setting("SSH_CONFIG", str(folder / "config")):
        hosts = [f"host-{number}" for number in range(HOSTS)]
        cold, warm, few = _Pair(), _Pair(), _Pair()
        for round_ in range(cold_rounds):
            with _broker(folder / f"broker-{round_}") as door, _Program("client", str(folder)) as baseline:
                cold.take(lambda door=door: _all_true(door, hosts), lambda baseline=baseline: baseline.ask(HOSTS))  # type: ignore[misc]
                if round_ == cold_rounds - 1:
                    for _ in range(warm_rounds):
                        warm.take(lambda: _all_true(door, hosts), lambda: baseline.ask(HOSTS))
                        few.take(lambda: _all_true(door, hosts[:4]), lambda: baseline.ask(4))
    return [few.row("4-warm"), cold.row("100-cold"), warm.row("100-warm")]


class _Pair:
    """Our seconds and the baseline's, taken in turns."""

    def __init__(self) -> None:
        self.ours: list[float] = []
        self.baseline: list[float] = []

    def take(self, ours: Callable[[], float], baseline: Callable[[], float]) -> None:
        self.ours.append(ours())
        self.baseline.append(baseline())

    def row(self, case: str) -> dict[str, object]:
        ours, baseline = median(self.ours), median(self.baseline)
        return {
            "bench": "fan-out",
            "case": case,
            "ours": ours,
            "baseline": baseline,
            "unit": "s",
            "ratio": ours / baseline,
            "better": "lower",
        }


def _all_true(door: Door, hosts: list[str]) -> float:
    started = time.perf_counter()
    found = door.run_many(hosts, ["true"], deadline=DEADLINE)
    seconds = time.perf_counter() - started
    for host, result in found.items():
        if not isinstance(result, Result) or result.rc != 0:
            raise RuntimeError(f"{host}: {result!r}")
    return seconds


class _Program:
    """One end in asyncssh (`_fan_out_asyncssh.py`), in a process of its own, asked line by line; it ends with its stdin."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "bench._fan_out_asyncssh", *words]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self._answer()

    def ask(self, hosts: int) -> float:
        """The seconds that the baseline took; the first question opens the connections."""
        if self._process.stdin:
            self._process.stdin.write(f"{hosts}\n")
            self._process.stdin.flush()
        return float(self._answer())

    def __enter__(self) -> _Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)

    def _answer(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""


@contextmanager
def _hosts(folder: Path) -> Iterator[Path]:
    with _Program("server", str(folder), str(HOSTS)) as server:
        known = json.loads(server.ready)
        with (folder / "config").open("w") as config, (folder / "known_hosts").open("w") as pins:
            for number, port in enumerate(known["ports"]):
                config.write(f"Host host-{number} i-{number} 10.0.0.{number}\n  HostName 127.0.0.1\n  Port {port}\n  User bench\n")
                config.write(f"  IdentityFile {folder}/id\n  UserKnownHostsFile {folder}/known_hosts\n  HostKeyAlias host-{number}\n")
                pins.write(f"host-{number} {known['host_key']}\n")
        yield folder


@contextmanager
def _broker(path: Path) -> Iterator[Door]:
    broker = subprocess.Popen([sys.executable, "-m", "remote.ssh.broker", str(path)], cwd=ROOT)
    until = time.monotonic() + 20
    while not path.exists():
        if time.monotonic() > until:
            raise RuntimeError("the broker did not come up")
        time.sleep(0.02)
    door = Door(path)
    try:
        yield door
    finally:
        door.close()
        broker.send_signal(signal.SIGTERM)
        broker.wait(20)


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
