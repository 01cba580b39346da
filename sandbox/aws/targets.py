"""The load balancer's view of the hosts: registered, initial, healthy, unhealthy, draining.

Lives here: what moto lacks (it has every target healthy at once). Time is simulated; a state follows from when it began and from what
the host answers to the health check, which never passes the listener rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.durations import DURATIONS
from sandbox.world import Host, World

INITIAL, HEALTHY, UNHEALTHY, DRAINING, UNUSED = "initial", "healthy", "unhealthy", "draining", "unused"
TIMED_OUT = 0  # the status of a host that did not answer

Probe = Callable[[Host, str], int]


@dataclass(slots=True)
class HealthCheck:
    """How a target group looks at its targets. Seconds are simulated."""

    path: str = "/pub/health_check.php"
    codes: str = "200"
    interval: float = 15
    unhealthy_after: int = 5

    def accepts(self, status: int) -> bool:
        for part in self.codes.split(","):
            low, _, high = part.partition("-")
            if int(low) <= status <= int(high or low):
                return True
        return False


@dataclass(slots=True)
class Target:
    state: str
    since: float  # simulated
    drained: float = 0  # simulated: when a draining one is let go
    passing_since: float | None = None
    failing_since: float | None = None
    looked: float = float("-inf")
    code: int = 200

    @property
    def why(self) -> tuple[str, str]:
        """Reason and description, as DescribeTargetHealth gives them."""
        match self.state:
            case "initial":
                return "Elb.InitialHealthChecking", "Initial health checks in progress"
            case "draining":
                return "Target.DeregistrationInProgress", "Target deregistration is in progress"
            case "unused":
                return "Target.NotRegistered", "Target is not registered to the target group"
            case "unhealthy" if self.code == TIMED_OUT:
                return "Target.Timeout", "Request timed out"
            case "unhealthy":
                return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{self.code}]"
        return "", ""


class Targets:
    """One target for each host in each group, told by the group's name. Thread-safe."""

    def __init__(self, world: World, probe: Probe) -> None:
        self._world = world
        self._probe = probe
        self._checks: dict[str, HealthCheck] = {}
        self._targets: dict[tuple[str, str], Target] = {}
        self._cut: dict[tuple[str, str], float] = {}  # when what was under way there was cut last; may be to come
        self._lock = threading.RLock()

    def add_group(self, group: str, check: HealthCheck) -> None:
        with self._lock:
            self._checks[group] = check

    def register(self, group: str, host: Host, *, settled: bool = False) -> None:
        """`settled`: it has stood there for long (the seed's hosts)."""
        now = self._world.clock.simulated()
        with self._lock:
            target = self._targets.get((group, host.name))
            if target is None or target.state == DRAINING:
                self._targets[group, host.name] = Target(HEALTHY if settled else INITIAL, now)
        self.look(group, host)

    def deregister(self, group: str, host: Host, delay: float) -> None:
        """It gets no new requests; what is under way has so many simulated seconds to end."""
        now = self._world.clock.simulated()
        with self._lock:
            if (group, host.name) in self._targets:
                self._targets[group, host.name] = Target(DRAINING, now, now + delay)
                self._cut[group, host.name] = now + delay

    def interrupt(self, group: str, host: Host) -> None:
        """Its web server is started anew while it stands behind the load balancer."""
        with self._lock:
            self._cut[group, host.name] = self._world.clock.simulated()

    def look(self, group: str, host: Host) -> Target:
        """The target as it is now. Asks the host at most once an interval."""
        now = self._world.clock.simulated()
        with self._lock:
            target = self._targets.get((group, host.name))
            if target is None:
                return Target(UNUSED, now)
            if target.state == DRAINING:
                if now >= target.drained:
                    del self._targets[group, host.name]
                    return Target(UNUSED, now)
                return target
            check = self._checks[group]
            if now - target.looked < check.interval:
                self._judge(target, check, now)
                return target
            target.looked = now
        code = self._probe(host, check.path)
        with self._lock:
            target.code = code
            self._judge(target, check, now)
            return target

    def _judge(self, target: Target, check: HealthCheck, now: float) -> None:
        if check.accepts(target.code):
            target.failing_since = None
            target.passing_since = now if target.passing_since is None else target.passing_since
            if target.state != HEALTHY and now - target.passing_since >= DURATIONS.target_healthy:
                target.state, target.since = HEALTHY, now
        else:
            target.passing_since = None
            target.failing_since = now if target.failing_since is None else target.failing_since
            if target.state != UNHEALTHY and now - target.failing_since >= (check.unhealthy_after - 1) * check.interval:
                target.state, target.since = UNHEALTHY, now

    def cut(self, group: str, host: Host, began: float) -> bool:
        """Whether a request that came to the host then, and is answered now, was cut in between."""
        with self._lock:
            return began < self._cut.get((group, host.name), 0.0) <= self._world.clock.simulated()

    def in_service(self, group: str, hosts: list[Host]) -> list[Host]:
        """Where requests go: the healthy ones; all registered ones where none is healthy, as a load balancer does."""
        states = {host.name: self.look(group, host).state for host in hosts}
        healthy = [host for host in hosts if states[host.name] == HEALTHY]
        return healthy or [host for host in hosts if states[host.name] in (INITIAL, UNHEALTHY)]
