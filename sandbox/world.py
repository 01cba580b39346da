"""The one state behind every wire of the sandbox: hosts, clock, faults.

Lives here: what AWS's side and the hosts' side both must know. Beanstalk's own state lives in `sandbox.aws`, what is on a host lives in
that host's folder, and is read from there each time: the folder is the truth.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-3"
APPLICATION = "client-magento"
PROD_FRONT, PROD_BACK = "client-magento-prod", "client-magento-prod-bo"
PREPROD_FRONT, PREPROD_BACK = "client-magento-preprod", "client-magento-preprod-bo"
VPN, GATEWAY = "vpn", "gateway"  # what a host is for that no Beanstalk environment has
PIM, CUSTOM_CONNECTION, CASHOUT = "client-pim", "client-custom-connection", "client-mirakl-cashout"
# Environment -> repository of the three that share one database; all others are Magento's.
OTHERS = {PIM: "pim", CUSTOM_CONNECTION: "custom-connection", CASHOUT: "mirakl-cashout"}


class Clock:
    """Timestamps are the wall clock's; only `sleep` runs faster."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._since = time.monotonic()
        self._passed = 0.0
        self._lock = threading.Lock()
        self._thread = threading.local()

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; may be changed at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            now = time.monotonic()
            self._passed += (now - self._since) * self._speed
            self._since, self._speed = now, speed

    def now(self) -> datetime:
        return datetime.now(UTC)

    def simulated(self) -> float:
        """Simulated seconds since the start; never goes back, whatever the speed does."""
        with self._lock:
            return self._passed + (time.monotonic() - self._since) * self._speed

    def sleep(self, simulated_seconds: float) -> None:
        """Waits in slices, so that a change of speed is felt at once."""
        left = simulated_seconds
        while left > 0:
            slice_ = min(left, 0.25 * self._speed)
            time.sleep(slice_ / self._speed)
            left -= slice_
        self._thread.slept = self.slept() + simulated_seconds

    def slept(self) -> float:
        """Simulated seconds that this thread has slept: exact, so that a text made of it is the same in every run."""
        slept: float = getattr(self._thread, "slept", 0.0)
        return slept


@dataclass(slots=True)
class Host:
    """One EC2 instance. `root` is the folder that stands for `/` on it."""

    name: str
    instance_id: str
    private_ip: str
    zone: str
    environment: str  # the Beanstalk environment's name; empty on a machine that Beanstalk does not own
    platform: str  # "al1": eb-activity.log, /var/app/ondeck; "al2": eb-engine.log, /var/app/staging
    root: Path
    ssh_port: int = 0
    role: str = ""  # of a server; empty on the hosts of Beanstalk

    @property
    def app(self) -> Path:
        return self.root / "var/app/current"

    @property
    def other(self) -> str:
        """Which of the smaller applications it serves, by its repository; empty on Magento's hosts."""
        return OTHERS.get(self.environment, "")


@dataclass(slots=True)
class Fault:
    """Something that shall go wrong. `host` narrows it to one host by name; `times` is how often it still strikes (-1: until cleared)."""

    kind: str
    host: str = ""
    times: int = 1
    options: dict[str, str] = field(default_factory=dict)


class Faults:
    """What shall go wrong, asked for on the control page. Thread-safe."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self, kind: str = "") -> None:
        with self._lock:
            self._faults = [fault for fault in self._faults if kind and fault.kind != kind]

    def listed(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def strikes(self, kind: str, host: str = "", **options: str) -> Fault | None:
        """The fault that strikes here and now, used up once; None when all goes well. An option that the fault names must fit, too."""
        with self._lock:
            for fault in self._faults:
                if any(fault.options.get(name, value) != value for name, value in options.items()):
                    continue
                if fault.kind == kind and fault.host in ("", host) and fault.times != 0:
                    fault.times -= 1 if fault.times > 0 else 0
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None


@dataclass(frozen=True, slots=True)
class Visit:
    at: datetime
    status: int
    path: str
    served_by: str  # a host's name; empty: the load balancer itself


class Visits:
    """What the visitors of the shop were answered. Thread-safe."""

    def __init__(self) -> None:
        self._by_status: Counter[int] = Counter()
        self._recent: deque[Visit] = deque(maxlen=240)
        self._lock = threading.Lock()

    def count(self, status: int, path: str, served_by: str) -> None:
        with self._lock:
            self._by_status[status] += 1
            self._recent.append(Visit(datetime.now(UTC), status, path, served_by))

    def by_status(self) -> dict[int, int]:
        with self._lock:
            return dict(sorted(self._by_status.items()))

    def recent(self) -> list[Visit]:
        """The last minute or so, oldest first."""
        with self._lock:
            return list(self._recent)


@dataclass(slots=True)
class Deed:
    """Something that was done to the estate: a change that AWS accepted, or a command that ran on a host."""

    what: str  # an operation of AWS, or the command's words
    target: str  # the Beanstalk environment, or the host's name
    label: str
    began: datetime
    ended: datetime | None = None  # None while it runs; a change that AWS accepted ends with its answer


class Deeds:
    """Everything that was done, in its order: what a test of repetitions counts. Thread-safe."""

    def __init__(self) -> None:
        self._deeds: list[Deed] = []
        self._lock = threading.Lock()

    def begin(self, what: str, target: str, label: str = "") -> Deed:
        deed = Deed(what, target, label, datetime.now(UTC))
        with self._lock:
            self._deeds.append(deed)
        return deed

    def end(self, deed: Deed) -> None:
        deed.ended = datetime.now(UTC)

    def after(self, count: int) -> list[Deed]:
        with self._lock:
            return self._deeds[count:]


@dataclass(slots=True)
class World:
    data: Path  # everything the sandbox writes stands below this folder
    seed: int
    clock: Clock
    hosts: dict[str, Host]  # Beanstalk's, by name
    machines: dict[str, Host] = field(default_factory=dict)  # hosts that nothing is deployed to: file server, Rundeck; by name
    faults: Faults = field(default_factory=Faults)
    visits: Visits = field(default_factory=Visits)
    deeds: Deeds = field(default_factory=Deeds)
    limited: bool = True  # whether AWS's own limits of calls a second are played
    lock: threading.RLock = field(default_factory=threading.RLock)
    random: random.Random = field(default_factory=random.Random)
    aws: Any = None  # the state of AWS's side; known to `sandbox.aws` alone
    sinks: Any = None  # mail and webhooks that were sent; known to `sandbox.network.sinks` alone

    def host(self, name_id_or_ip: str) -> Host:
        """Raises KeyError where no host has that name, instance id or private address."""
        for host in (*self.hosts.values(), *self.machines.values()):
            if name_id_or_ip in (host.name, host.instance_id, host.private_ip):
                return host
        raise KeyError(name_id_or_ip)

    def hosts_of(self, environment: str) -> list[Host]:
        return [host for host in self.hosts.values() if host.environment == environment]


# name, instance id, private address, zone, environment, platform. The first id is the one that the hand-over document names.
_HOSTS = (
    ("fe-1", "i-08d2e6b41f09c7a53", "10.0.101.24", "a", PROD_FRONT, "al1"),
    ("fe-2", "i-012e92fb498ad40d7", "10.0.102.37", "b", PROD_FRONT, "al1"),
    ("fe-3", "i-0e5a90c37db14f826", "10.0.103.18", "c", PROD_FRONT, "al1"),
    ("fe-4", "i-03b7f8d21ce6094ab", "10.0.101.61", "a", PROD_FRONT, "al1"),
    ("be", "i-0c41f7be92d5a3e18", "10.0.101.40", "a", PROD_BACK, "al1"),
    ("pp-fe-1", "i-0a7d34e5f8b26c190", "10.0.101.72", "a", PREPROD_FRONT, "al2"),
    ("pp-be", "i-0f61b8a2d9c4e7350", "10.0.101.73", "a", PREPROD_BACK, "al2"),
    ("pim-1", "i-05b9c3d17ea2f4608", "10.0.101.81", "a", PIM, "al1"),
    ("custom-1", "i-09e4a7f20c6b8d135", "10.0.101.82", "a", CUSTOM_CONNECTION, "al1"),
    ("mirakl-1", "i-0d83f6c5b1e29a074", "10.0.101.83", "a", CASHOUT, "al1"),
)

BUILD = "build"
# Hosts that are reached over SSH and that nothing is deployed to: name, instance id, private address, zone, what it is for.
_MACHINES = (
    ("rundeck", "i-0b3e7c91d5a2f8046", "10.0.101.20", "a", ""),
    ("nfs", "i-0c8d5f2a6b1e93704", "10.0.101.30", "a", ""),
    (BUILD, "i-0b7d15e3a9c4f2860", "10.0.101.90", "a", ""),
    ("openvpn", "i-0b6a1f7c93d4e2508", "10.0.1.21", "a", VPN),
    ("gateway", "i-04f8c2a6e17b9d035", "10.0.1.31", "a", GATEWAY),
)


def make_world(data: Path, *, speed: float, seed: int, limited: bool = True) -> World:
    """The estate of the hand-over document, with empty host folders below `data/hosts/`."""
    hosts = {
        name: Host(name, instance_id, ip, f"{REGION}{zone}", environment, platform, data / "hosts" / name)
        for name, instance_id, ip, zone, environment, platform in _HOSTS
    }
    machines = {
        name: Host(name, instance_id, ip, f"{REGION}{zone}", "", "al2", data / "hosts" / name, role=role)
        for name, instance_id, ip, zone, role in _MACHINES
    }
    for host in (*hosts.values(), *machines.values()):
        host.root.mkdir(parents=True, exist_ok=True)
    return World(data, seed, Clock(speed), hosts, machines, limited=limited, random=random.Random(seed))
