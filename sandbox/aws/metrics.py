"""What CloudWatch is told of the estate: Beanstalk, load balancers, database, cache and tunnels.

Lives here: which figures there are and what they follow from. Live ones come from the same state as health; the day before the start is
drawn from the seed. Points carry the wall clock's time.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.aws import cloudwatch, loadbalancing, targets
from sandbox.aws.beanstalk_health import load, processor
from sandbox.aws.health import DEGRADED, INFO, OK, SEVERE, WARNING, Doctor
from sandbox.aws.state import Environment, Ledger
from sandbox.aws.traffic import Traffic
from sandbox.world import PREPROD_FRONT, PROD_FRONT

HEALTH_VALUES = {OK: 0, INFO: 1, WARNING: 15, DEGRADED: 20, SEVERE: 25}
EVERY = 60.0  # simulated seconds between two points
SHORTEST = 5.0  # real seconds
BACKFILLED = timedelta(hours=24)
BACKFILL_STEP = timedelta(minutes=5)
DATABASES = {"client-magento-prod": (34.0, 46), "client-magento-preprod": (6.0, 5), "client-shared": (9.0, 11)}  # CPU percent, connections
CACHES = {"client-magento-prod-001": 11.0, "client-magento-prod-002": 4.0, "client-magento-preprod-001": 2.0}  # CPU percent
TUNNELS = ("vpn-0d1a4c7e95b3f6820", "vpn-0b6e2f81c4a7d9035", "vpn-07c3d95e0f1b82a64")  # DLM-Lan, DLM-Ml, DLM-Cetsi

Point = tuple[str, str, dict[str, str], float]


class Recorder:
    def __init__(self, ledger: Ledger, doctor: Doctor, traffic: Traffic) -> None:
        self._ledger, self._doctor, self._traffic = ledger, doctor, traffic
        self._random = random.Random(f"{ledger.world.seed}:metrics")
        self._counted: dict[str, Counter[int]] = {}
        self._due = 0.0

    def record_when_due(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + max(EVERY / self._ledger.world.clock.speed, SHORTEST)
        now = self._ledger.world.clock.now()
        points = [*self._beanstalk(), *self._balancers(), *self._background(now)]
        for namespace, name, dimensions, value in points:
            cloudwatch.backend().record(namespace, name, dimensions, now, value)

    def backfill(self) -> None:
        """A day without events: quiet nights, busy evenings."""
        now = self._ledger.world.clock.now()
        moment = now - BACKFILLED
        while moment < now:
            for namespace, name, dimensions, value in [*self._quiet_day(moment), *self._background(moment)]:
                cloudwatch.backend().record(namespace, name, dimensions, moment, value)
            moment += BACKFILL_STEP

    # Live.

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
            of = _dimensions(environment)
            hosts = [instance.host for instance in environment.instances]
            seen = sum((self._new(host.name) for host in hosts), Counter())
            own = self._new(f"elb:{environment.name}")
            states = [self._doctor.target_state(environment, instance) for instance in environment.instances]
            yield "AWS/ApplicationELB", "HealthyHostCount", of, states.count(targets.HEALTHY)
            yield "AWS/ApplicationELB", "UnHealthyHostCount", of, states.count(targets.UNHEALTHY)
            share = self._traffic.recent(*(host.name for host in hosts))
            counts = {f"HTTPCode_Target_{class_}XX_Count": seen[class_] for class_ in (2, 3, 4, 5)}
            counts |= {"RequestCount": seen.total(), "HTTPCode_ELB_5XX_Count": own[5]}
            yield from _per_group_and_balancer(of, {name: float(value) for name, value in counts.items() if value})
            if share.latencies:
                yield from _per_group_and_balancer(of, {"TargetResponseTime": sum(share.latencies) / len(share.latencies)})
            if seen.total():
                balancer = {"LoadBalancer": of["LoadBalancer"]}
                yield "AWS/ApplicationELB", "ActiveConnectionCount", balancer, max(1.0, seen.total() / 3)
                yield "AWS/ApplicationELB", "ProcessedBytes", balancer, seen.total() * 48_000.0

    def _new(self, source: str) -> Counter[int]:
        """Answers since the last point."""
        totals = self._traffic.totals(source)
        new = totals - self._counted.get(source, Counter())
        self._counted[source] = totals
        return new

    # The day before, and what nothing here drives.

    def _quiet_day(self, moment: datetime) -> Iterator[Point]:
        busy = _busyness(moment)
        for environment in self._ledger.environments.values():
            of = _dimensions(environment)
            yield "AWS/ElasticBeanstalk", "EnvironmentHealth", {"EnvironmentName": environment.name}, 0
            yield "AWS/ApplicationELB", "HealthyHostCount", of, len(environment.instances)
            yield "AWS/ApplicationELB", "UnHealthyHostCount", of, 0
            for instance in environment.instances:
                on = {"EnvironmentName": environment.name, "InstanceId": instance.id}
                yield "AWS/ElasticBeanstalk", "LoadAverage5min", on, round(load(instance)[1] * (0.5 + busy), 2)
            if environment.name in (PROD_FRONT, PREPROD_FRONT):
                requests = round((5200 if environment.name == PROD_FRONT else 40) * busy * self._random.uniform(0.9, 1.1))
                counts = {
                    "RequestCount": requests,
                    "HTTPCode_Target_2XX_Count": requests * 0.93,
                    "HTTPCode_Target_3XX_Count": requests * 0.05,
                }
                counts |= {"HTTPCode_Target_4XX_Count": requests * 0.02, "HTTPCode_Target_5XX_Count": float(self._random.random() < 0.1)}
                yield from _per_group_and_balancer(of, {name: float(round(value)) for name, value in counts.items() if round(value)})
                yield from _per_group_and_balancer(of, {"TargetResponseTime": 0.18 + 0.12 * busy * self._random.uniform(0.8, 1.2)})

    def _background(self, moment: datetime) -> Iterator[Point]:
        busy = _busyness(moment)
        for database, (cpu, connections) in DATABASES.items():
            of = {"DBInstanceIdentifier": database}
            yield "AWS/RDS", "CPUUtilization", of, round(cpu * (0.4 + busy) * self._random.uniform(0.9, 1.1), 2)
            yield "AWS/RDS", "DatabaseConnections", of, float(round(connections * (0.5 + busy) * self._random.uniform(0.9, 1.1)))
        for cache, cpu in CACHES.items():
            of = {"CacheClusterId": cache}
            used = round(cpu * (0.5 + busy) * self._random.uniform(0.9, 1.1), 2)
            yield "AWS/ElastiCache", "CPUUtilization", of, used
            yield "AWS/ElastiCache", "EngineCPUUtilization", of, round(used * 1.6, 2)
        for tunnel in TUNNELS:
            yield "AWS/VPN", "TunnelState", {"VpnId": tunnel}, 1.0


def _busyness(moment: datetime) -> float:
    """0 at four in the morning, 1 at eight in the evening."""
    hour = moment.hour + moment.minute / 60
    return 0.5 + 0.5 * math.cos((hour - 19) / 24 * 2 * math.pi)


def _dimensions(environment: Environment) -> dict[str, str]:
    """The tails of the ARNs, as CloudWatch names load balancers and target groups."""
    balancer = loadbalancing.balancer_arn(environment.balancer).partition(":loadbalancer/")[2]
    return {"LoadBalancer": balancer, "TargetGroup": loadbalancing.group_named(environment.name).arn.rpartition(":")[2]}


def _per_group_and_balancer(of: dict[str, str], values: dict[str, float]) -> Iterator[Point]:
    for name, value in values.items():
        yield "AWS/ApplicationELB", name, of, value
        yield "AWS/ApplicationELB", name, {"LoadBalancer": of["LoadBalancer"]}, value
