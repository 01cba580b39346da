"""`true` on many hosts at once through the broker, beside asyncssh, the fastest library, in an event loop with connections of its own.

Cases: `4-warm`, `100-warm` (connections open), `100-cold` (a fresh broker, a fresh loop: connections are opened). The hosts are asyncssh
listeners on loopback, in one process, which answer without a shell: what is measured is the asking. Both sides take turns; medians count.

Behind these, beside programs that others use: parallel-ssh, and Ansible with ControlPersist (`-ansible`, `-parallel-ssh`).
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

from bench._peers import python_with
from faults.points import NotRun
from remote.ssh.client import Door
from remote.ssh.connections import Result

ROOT = Path(__file__).resolve().parent.parent
HOSTS = 100
DEADLINE = 60.0
PARALLEL_SSH, ANSIBLE = "parallel-ssh==2.16.0.post1", "ansible-core==2.19.14"


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
        ours = {"4-warm": median(few.ours), "100-cold": median(cold.ours), "100-warm": median(warm.ours)}
        beside = _beside(folder, ours, rounds=1 if quick else 3)
    return [few.row("4-warm"), cold.row("100-cold"), warm.row("100-warm"), *beside]


def _beside(folder: Path, ours: dict[str, float], *, rounds: int) -> list[dict[str, object]]:
    rows = []
    for name, measure in {"parallel-ssh": _parallel_ssh, "ansible": _ansible}.items():
        try:
            theirs = measure(folder, rounds)
        except NotRun as reason:
            print(f"NOT RUN: fan-out beside {name}. {reason}", file=sys.stderr)
            continue
        rows += [_row(f"{case}-{name}", ours[case], seconds) for case, seconds in theirs.items()]
    return rows


def _parallel_ssh(folder: Path, rounds: int) -> dict[str, float]:
    with python_with(PARALLEL_SSH) as programs, _Program(str(folder), python=programs / "python", file="bench/_fan_out_pssh.py") as asked:
        cold = asked.ask(HOSTS)
        warm = [asked.ask(HOSTS) for _ in range(3 * rounds)]
        asked.ask(4)
        return {"4-warm": median(asked.ask(4) for _ in range(3 * rounds)), "100-cold": cold, "100-warm": median(warm)}


def _ansible(folder: Path, rounds: int) -> dict[str, float]:
    """`raw` needs no Python on the hosts; the second command finds the connections of the first."""
    common = f"ansible_host=127.0.0.1 ansible_user=bench ansible_ssh_private_key_file={folder}/id"
    ports = [line.split()[1] for line in (folder / "config").read_text().splitlines() if line.strip().startswith("Port ")]
    inventory = folder / "inventory"
    inventory.write_text("".join(f"host-{number} ansible_port={port} {common}\n" for number, port in enumerate(ports)))
    (folder / "ansible.cfg").touch()  # that of whoever runs this is not asked
    with python_with(ANSIBLE) as programs:
        argv = [str(programs / "ansible"), "-i", str(inventory), "-f", str(HOSTS), "-m", "raw", "-a", "true"]
        ssh = f"-F none -C -o ControlMaster=auto -o ControlPersist=20s -o ControlPath={folder}/%C -o StrictHostKeyChecking=no"
        env = os.environ | {
            "ANSIBLE_SSH_ARGS": f"{ssh} -o UserKnownHostsFile=/dev/null",
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "LC_ALL": "C.UTF-8",
        }

        def took(pattern: str) -> float:
            began = time.perf_counter()
            done = subprocess.run([*argv, pattern], env=env, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
            if done.returncode:
                raise NotRun(f"Ansible says {(done.stderr or done.stdout).strip()[-300:]}")
            return time.perf_counter() - began

        cold = took("all")
        return {
            "4-warm": median(took("host-0,host-1,host-2,host-3") for _ in range(rounds)),
            "100-cold": cold,
            "100-warm": median(took("all") for _ in range(rounds)),
        }


class _Pair:
    """Our seconds and the baseline's, taken in turns."""

    def __init__(self) -> None:
        self.ours: list[float] = []
        self.baseline: list[float] = []

    def take(self, ours: Callable[[], float], baseline: Callable[[], float]) -> None:
        self.ours.append(ours())
        self.baseline.append(baseline())

    def row(self, case: str) -> dict[str, object]:
        return _row(case, median(self.ours), median(self.baseline))


def _row(case: str, ours: float, baseline: float) -> dict[str, object]:
    return {"bench": "fan-out", "case": case, "ours": ours, "baseline": baseline, "unit": "s", "ratio": ours / baseline, "better": "lower"}


def _all_true(door: Door, hosts: list[str]) -> float:
    started = time.perf_counter()
    found = door.run_many(hosts, ["true"], deadline=DEADLINE)
    seconds = time.perf_counter() - started
    for host, result in found.items():
        if not isinstance(result, Result) or result.rc != 0:
            raise RuntimeError(f"{host}: {result!r}")
    return seconds


class _Program:
    """One end, in asyncssh unless another is named, in a process of its own, asked line by line; it ends with its stdin."""

    def __init__(self, *words: str, python: Path = Path(sys.executable), file: str = "bench/_fan_out_asyncssh.py") -> None:
        command = [str(python), str(ROOT / file), *words]
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
