"""The estate's month before the start: which figures there were, the releases in it, and what went wrong.

Lives here: the incidents as a table, and each metric's quiet figure. How a figure is computed is `past`'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sandbox.aws import cloudwatch, rooms
from sandbox.aws.beanstalk_health import load
from sandbox.aws.history import last_release
from sandbox.aws.inventory import network
from sandbox.aws.metrics import BYTES_EACH, CACHES, DATABASES, PROD_DATABASE, dimensions_of
from sandbox.aws.past import Incident, Past
from sandbox.aws.state import Environment, Ledger
from sandbox.world import PREPROD_FRONT, PROD_FRONT, World

Quiet = Callable[[float, float], float | None]

RELEASES = ((4, "05:40"), (8, "05:35"), (11, "21:10"), (15, "05:45"), (18, "05:30"), (22, "05:50"), (25, "05:40"), (29, "05:35"))
RELEASE_MINUTES = 31
ADDRESSES = {f"DLM-{name}": outside for name, _, outside, _ in network.LINKS}


@dataclass(frozen=True, slots=True)
class Incidents:
    """By what they struck; the windows that hold them all are where alarms may have changed."""

    cpu: tuple[Incident, ...]
    connections: tuple[Incident, ...]
    health: tuple[Incident, ...]  # of production's front end
    failing: tuple[Incident, ...]  # 5xx a minute
    tunnels: Mapping[str, tuple[Incident, ...]] = field(default_factory=dict)  # by outside address


def incidents(past: Past, ledger: Ledger) -> Incidents:
    began, ended = last_release(ledger.environments[PROD_FRONT])
    releases = [past.ago(days, at, RELEASE_MINUTES, 1.0) for days, at in RELEASES]
    lan, ml, cetsi = ADDRESSES["DLM-Lan"], ADDRESSES["DLM-Ml"], ADDRESSES["DLM-Cetsi"]
    return Incidents(
        cpu=(past.ago(3, "19:12", 8, 84, 9), past.ago(12, "20:40", 14, 91, 8), past.ago(21, "18:55", 6, 78, 6)),
        connections=(past.ago(12, "20:44", 9, 137, 12),),
        health=(*releases, Incident(began, ended, 1.0), past.ago(12, "20:46", 7, 15.0), past.ago(19, "14:20", 24, 20.0)),
        failing=(past.ago(12, "20:44", 10, 42, 20), past.ago(19, "14:18", 26, 120, 40)),
        tunnels={
            lan[0]: (past.ago(17, "03:05", 22, 0.0),),
            lan[1]: (past.ago(17, "03:05", 24, 0.0), past.ago(2, "01:30", 52, 0.0)),
            ml[0]: (past.ago(6, "02:10", 41, 0.0), past.ago(27, "11:00", 18, 0.0)),
            ml[1]: (past.ago(6, "02:12", 40, 0.0), past.ago(27, "11:00", 18, 0.0)),
            cetsi[0]: (past.ago(9, "04:40", 9, 0.0),),
            cetsi[1]: (past.ago(9, "04:40", 9, 0.0),),
        },
    )


def remember(ledger: Ledger, past: Past, happened: Incidents) -> None:
    """Tells CloudWatch what each metric was."""
    store = cloudwatch.backend()
    sources = [*_beanstalk(ledger, happened), *_balancers(ledger, happened), *_databases(happened), *_vpn(happened)]
    for number, (namespace, name, dimensions, quiet, struck) in enumerate(sources):
        store.remember(namespace, name, dimensions, past.figure(f"{number}:{name}", quiet, struck), past.end)
    for database in DATABASES:
        of = {"DBInstanceIdentifier": database}
        store.remember("AWS/RDS", "FreeStorageSpace", of, partial(_free, ledger.world, database, past.end), math.inf)


def _free(world: World, database: str, end: float, minute: float) -> float:
    return rooms.free(world, database, minute, end)


Source = tuple[str, str, dict[str, str], Quiet, Sequence[Incident]]


def _beanstalk(ledger: Ledger, happened: Incidents) -> Iterator[Source]:
    for environment in ledger.environments.values():
        of = {"EnvironmentName": environment.name}
        struck = happened.health if environment.name == PROD_FRONT else ()
        yield "AWS/ElasticBeanstalk", "EnvironmentHealth", of, lambda busy, chance: 0.0, struck
        for instance in environment.instances:
            own, on = load(instance)[1], of | {"InstanceId": instance.id}
            yield "AWS/ElasticBeanstalk", "LoadAverage5min", on, _scaled(own, 0.5), ()
            yield "AWS/ElasticBeanstalk", "InstanceHealth", on, lambda busy, chance: 0.0, ()
            yield "AWS/EC2", "CPUUtilization", {"InstanceId": instance.id}, _scaled(22 * own, 0.4), ()


def _balancers(ledger: Ledger, happened: Incidents) -> Iterator[Source]:
    space = "AWS/ApplicationELB"
    for environment in ledger.environments.values():
        of = dimensions_of(environment)
        balancer = {"LoadBalancer": of["LoadBalancer"]}
        yield space, "HealthyHostCount", of, _always(len(environment.instances)), ()
        yield space, "UnHealthyHostCount", of, _always(0), ()
        requests = _requests(environment)
        if not requests:
            continue
        for on in (of, balancer):
            for name, share in (("RequestCount", 1.0), *_SHARES):
                yield space, name, on, _counted(requests * share), ()
            struck = happened.failing if environment.name == PROD_FRONT else ()
            yield space, "HTTPCode_Target_5XX_Count", on, lambda busy, chance: 1.0 if chance > 0.96 else None, struck
            yield space, "TargetResponseTime", on, lambda busy, chance: round(0.18 + 0.12 * busy * (0.8 + 0.4 * chance), 4), ()
        yield space, "ActiveConnectionCount", balancer, _counted(requests / 3), ()
        yield space, "ProcessedBytes", balancer, _counted(requests * BYTES_EACH), ()


_SHARES = (("HTTPCode_Target_2XX_Count", 0.93), ("HTTPCode_Target_3XX_Count", 0.05), ("HTTPCode_Target_4XX_Count", 0.02))


def _requests(environment: Environment) -> float:
    """A minute, at the busiest time."""
    return {PROD_FRONT: 1040.0, PREPROD_FRONT: 8.0}.get(environment.name, 0.0)


def _databases(happened: Incidents) -> Iterator[Source]:
    for database, (cpu, connections) in DATABASES.items():
        of, is_prods = {"DBInstanceIdentifier": database}, database == PROD_DATABASE
        yield "AWS/RDS", "CPUUtilization", of, _scaled(cpu, 0.4), happened.cpu if is_prods else ()
        yield "AWS/RDS", "DatabaseConnections", of, _counted(connections), happened.connections if is_prods else ()
    for cache, cpu in CACHES.items():
        yield "AWS/ElastiCache", "CPUUtilization", {"CacheClusterId": cache}, _scaled(cpu, 0.5), ()
        yield "AWS/ElastiCache", "EngineCPUUtilization", {"CacheClusterId": cache}, _scaled(cpu * 1.6, 0.5), ()


def _vpn(happened: Incidents) -> Iterator[Source]:
    for name, addresses in ADDRESSES.items():
        for address in addresses:
            struck = happened.tunnels[address]
            for of in ({"TunnelIpAddress": address}, {"VpnId": network.links()[name].id}):
                yield "AWS/VPN", "TunnelState", of, _always(1), struck
                yield "AWS/VPN", "TunnelDataIn", of, _counted(1.5e6), struck
                yield "AWS/VPN", "TunnelDataOut", of, _counted(5e5), struck


def _always(value: float) -> Quiet:
    return lambda busy, chance: float(value)


def _scaled(value: float, at_rest: float) -> Quiet:
    return lambda busy, chance: round(value * (at_rest + busy) * (0.9 + 0.2 * chance), 2)


def _counted(most: float) -> Quiet:
    """A number of things; none at all is a gap, as CloudWatch has it."""
    return lambda busy, chance: float(round(most * (0.06 + 0.94 * busy) * (0.9 + 0.2 * chance))) or None
