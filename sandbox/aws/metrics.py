"""What CloudWatch is told of the estate while the sandbox runs: Beanstalk, load balancers, databases, caches and tunnels.

Lives here: which figures there are and what they follow from, which is the same state as health. What was before the start is
`month`'s. Points carry the wall clock's time.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from statistics import fmean

from sandbox.aws import cloudwatch, loadbalancing, targets
from sandbox.aws.beanstalk_health import load, processor
from sandbox.aws.health import DEGRADED, INFO, OK, SEVERE, WARNING, Doctor
from sandbox.aws.inventory import databases, network
from sandbox.aws.past import busyness
from sandbox.aws.state import Environment, Ledger
from sandbox.aws.traffic import Traffic
from sandbox.world import PROD_BACK, PROD_FRONT

HEALTH_VALUES = {OK: 0, INFO: 1, WARNING: 15, DEGRADED: 20, SEVERE: 25}
EVERY = 60.0  # simulated seconds between two points
SHORTEST = 5.0  # real seconds
PROD_DATABASE = databases.PRODUCTION
DATABASES = {PROD_DATABASE: (34.0, 46), databases.PRE_PRODUCTION: (6.0, 5), databases.SHARED: (9.0, 11)}  # CPU percent, connections
CACHES = {"client-redis-prod-001": 11.0, "client-redis-prod-002": 4.0, "client-redis-preprod-001": 2.0}  # CPU percent
BUSY_CPU, BUSY_CONNECTIONS, BUSY_CACHE = 88.0, 137.0, 57.0  # while the faults `database-busy` and `database-connections` last
BYTES_EACH = 48_000.0  # of an answer

Point = tuple[str, str, dict[str, str], float]


class Recorder:
    def __init__(self, ledger: Ledger, doctor: Doctor, traffic: Traffic) -> None:
        self._ledger, self._doctor, self._traffic = ledger, doctor, traffic
        self._random = random.Random(f"{ledger.world.seed}:metrics")
        self._counted: dict[str, Counter[int]] = {}
        self._due = 0.0

    def record_when_due(self) -> None:
        if time.monotonic() >= self._due:
            self.record()

    def record(self) -> None:
        self._due = time.monotonic() + max(EVERY / self._ledger.world.clock.speed, SHORTEST)
        now = self._ledger.world.clock.now()
        for namespace, name, dimensions, value in [*self._beanstalk(), *self._balancers(), *self._databases(now), *self._vpn(now)]:
            cloudwatch.backend().record(namespace, name, dimensions, now, value)

    def _beanstalk(self) -> Iterator[Point]:
        with self._ledger.lock:
            for environment in self._ledger.environments.values():
                of = {"EnvironmentName": environment.name}
                verdict = self._doctor.of_environment(environment)
                yield "AWS/ElasticBeanstalk", "EnvironmentHealth", of, HEALTH_VALUES[verdict.status]
                for instance in environment.instances:
                    on = of | {"InstanceId": instance.id}
                    status = self._doctor.of_instance(environment, instance).status
                    yield "AWS/ElasticBeanstalk", "InstanceHealth", on, HEALTH_VALUES[status]
                    yield "AWS/ElasticBeanstalk", "LoadAverage5min", on, load(instance)[1]
                    yield "AWS/EC2", "CPUUtilization", {"InstanceId": instance.id}, processor(instance)["User"]

    def _balancers(self) -> Iterator[Point]:
        for environment in list(self._ledger.environments.values()):
            of = dimensions_of(environment)
            hosts = [instance.host for instance in environment.instances]
            seen = sum((self._new(host.name) for host in hosts), Counter())
            own = self._new(f"elb:{environment.name}")
            states = [self._doctor.target_state(environment, instance) for instance in environment.instances]
            yield "AWS/ApplicationELB", "HealthyHostCount", of, states.count(targets.HEALTHY)
            yield "AWS/ApplicationELB", "UnHealthyHostCount", of, states.count(targets.UNHEALTHY)
            share = self._traffic.recent(*(host.name for host in hosts))
            counts = {f"HTTPCode_Target_{class_}XX_Count": seen[class_] for class_ in (2, 3, 4, 5)}
            counts |= {"RequestCount": seen.total(), "HTTPCode_ELB_5XX_Count": own[5], "HTTPCode_ELB_3XX_Count": own[3]}
            yield from per_group_and_balancer(of, {name: float(value) for name, value in counts.items() if value})
            if share.latencies:
                yield from per_group_and_balancer(of, {"TargetResponseTime": fmean(share.latencies)})
            if seen.total():
                balancer = {"LoadBalancer": of["LoadBalancer"]}
                yield "AWS/ApplicationELB", "ActiveConnectionCount", balancer, max(1.0, seen.total() / 3)
                yield "AWS/ApplicationELB", "ProcessedBytes", balancer, seen.total() * BYTES_EACH

    def _new(self, source: str) -> Counter[int]:
        """Answers since the last point."""
        totals = self._traffic.totals(source)
        new = totals - self._counted.get(source, Counter())
        self._counted[source] = totals
        return new

    def _databases(self, moment: datetime) -> Iterator[Point]:
        """A database that is down reports nothing; a deployment's schema change is work for production's."""
        busy = busyness(moment.timestamp())
        faults = {fault.kind for fault in self._ledger.world.faults.listed()}
        for database, (cpu, connections) in DATABASES.items():
            is_prods = database == PROD_DATABASE
            if is_prods and "database-down" in faults:
                continue
            of = {"DBInstanceIdentifier": database}
            used = cpu * (0.4 + busy) * self._random.uniform(0.9, 1.1) + (6.0 if is_prods and self._is_releasing() else 0.0)
            used = BUSY_CPU + self._random.uniform(-2, 2) if is_prods and "database-busy" in faults else min(used, 64.0)
            held = connections * (0.5 + busy) * self._random.uniform(0.9, 1.1)
            held = BUSY_CONNECTIONS if is_prods and "database-connections" in faults else held
            yield "AWS/RDS", "CPUUtilization", of, round(used, 2)
            yield "AWS/RDS", "DatabaseConnections", of, float(round(held))
        for cache, cpu in CACHES.items():
            of = {"CacheClusterId": cache}
            used = BUSY_CACHE if "cache-busy" in faults else round(cpu * (0.5 + busy) * self._random.uniform(0.9, 1.1), 2)
            yield "AWS/ElastiCache", "CPUUtilization", of, used
            yield "AWS/ElastiCache", "EngineCPUUtilization", of, round(used * 1.6, 2)

    def _is_releasing(self) -> bool:
        with self._ledger.lock:
            return any(self._ledger.environments[name].running is not None for name in (PROD_FRONT, PROD_BACK))

    def _vpn(self, moment: datetime) -> Iterator[Point]:
        """Of each tunnel apart, and of the connection, which has both tunnels' points."""
        busy = busyness(moment.timestamp())
        for connection in network.links().values():
            for tunnel in connection.tunnels_seen:
                is_up = tunnel.status == network.UP
                traffic = round(busy * self._random.uniform(1e6, 2e6)) if is_up else 0
                for of in ({"TunnelIpAddress": tunnel.address}, {"VpnId": connection.id}):
                    yield "AWS/VPN", "TunnelState", of, float(is_up)
                    yield "AWS/VPN", "TunnelDataIn", of, float(traffic)
                    yield "AWS/VPN", "TunnelDataOut", of, float(traffic // 3)


def dimensions_of(environment: Environment) -> dict[str, str]:
    """The tails of the ARNs, as CloudWatch names load balancers and target groups."""
    balancer = loadbalancing.balancer_arn(environment.balancer).partition(":loadbalancer/")[2]
    return {"LoadBalancer": balancer, "TargetGroup": loadbalancing.group_named(environment.name).arn.rpartition(":")[2]}


def per_group_and_balancer(of: dict[str, str], values: dict[str, float]) -> Iterator[Point]:
    for name, value in values.items():
        yield "AWS/ApplicationELB", name, of, value
        yield "AWS/ApplicationELB", name, {"LoadBalancer": of["LoadBalancer"]}, value
