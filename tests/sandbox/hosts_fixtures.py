"""A world with installed hosts and both repositories, without AWS's side: import the fixtures that a test module needs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox import hosts, repositories
from sandbox.hosts import magento
from sandbox.repositories import Repositories
from sandbox.world import Host, World, make_world

SPEED = 4000


@dataclass
class Ground:
    """A played estate, hosts and repositories only."""

    world: World
    repositories: Repositories
    printed: list[str] = field(default_factory=list)

    def host(self, name: str = "fe-1") -> Host:
        return self.world.host(name)

    def magento(self, *argv: str, host: str = "fe-1") -> tuple[int, str]:
        """Exit code and output of `bin/magento ARGV` in the release that is in place."""
        printed: list[str] = []
        code = magento.run(self.world, self.host(host), self.host(host).app, argv, printed.append)
        return code, "".join(printed)


def until(holds: Callable[[], object], seconds: float = 15) -> None:
    """Waits for a condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


FEW = ("fe-1", "fe-2", "be", "pp-fe-1")


def make_ground(folder: Path, *, seed: int = 1, speed: float = SPEED, names: tuple[str, ...] = ()) -> Ground:
    """With all seven hosts, or with those of the names."""
    world = make_world(folder, speed=speed, seed=seed)
    world.hosts = {name: host for name, host in world.hosts.items() if not names or name in names}
    made = repositories.prepare(world)
    hosts.install(world, made)
    return Ground(world, made)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """One of its own, to be spoilt, with few hosts."""
    return make_ground(tmp_path, names=FEW)


@dataclass
class Reached(Ground):
    """A ground whose hosts are reached over SSH by the stock client."""

    config: Path = Path()

    def ssh(self, host: str, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        argv = ("ssh", "-F", str(self.config), host, *command)
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=30, check=False)

    def start(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        argv = ("ssh", "-F", str(self.config), host, *command)
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    # A run in a shell's background ignores Ctrl-C, and so would everything that it starts; the sandbox itself listens to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    made = make_ground(tmp_path_factory.mktemp("reached"))
    stop = hosts.serve(made.world)
    yield Reached(made.world, made.repositories, config=made.world.data / "ssh/ssh_config")
    stop()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def reached(running: Reached) -> Iterator[Reached]:
    """The hosts of this module, with nothing going wrong."""
    yield running
    running.world.faults.clear()
    running.world.clock.speed = SPEED
    for host in running.world.hosts.values():
        (host.app / "var/.maintenance.flag").unlink(missing_ok=True)
