"""Which observed thing leads to which: origins, rules, targets, mounts, routes, copies, what security groups let in. Values.

A relation is as old as the things that it was read from, and goes with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from handover.checks.seen import counted, listed

Id = tuple[str, str]  # kind and key; HOSTS and the name of a group of hosts
HOSTS = "hosts"


class Thing(NamedTuple):
    kind: str
    key: str
    name: str
    facts: dict[str, Any]
    many: int = 1  # of its kind; no more than a drawing has room for are read

    @property
    def id(self) -> Id:
        return self.kind, self.key

    @property
    def called(self) -> str:
        return self.name or self.key


Things = Mapping[str, Sequence[Thing]]  # by kind


class Relation(NamedTuple):
    """`may`: a security group allows it; whether it is used, nobody has seen. `light` is ok or warn."""

    source: Id
    target: Id
    said: str
    may: bool = False
    light: str = "ok"


def groups_of_hosts(things: Things) -> dict[str, list[Thing]]:
    """The hosts of a Beanstalk environment are one group; any other host is one of its own, by its id."""
    groups: dict[str, list[Thing]] = defaultdict(list)
    for host in things["instance"]:
        groups[host.facts.get("beanstalk") or host.key].append(host)
    return groups


def called(name: str, hosts: Sequence[Thing]) -> str:
    """Such a group."""
    return name if hosts[0].facts.get("beanstalk") else hosts[0].called


def of_traffic(things: Things, groups: Mapping[str, Sequence[Thing]]) -> list[Relation]:
    """From a visitor to the data: in the order in which they follow one another."""
    return [
        *_origins(things),
        *_rules(things),
        *_targets(things, groups),
        *_let_in(things, groups),
        *_mounted(things, groups),
        *_copies(things),
    ]


def of_network(things: Things) -> list[Relation]:
    """Where the subnets' routes lead: a gateway or a link serves the subnets whose routing table names it."""
    links = defaultdict(list)
    for link in things["ipsec-link"]:
        links[link.facts.get("gateway")].append(link)
    ways = {each.key: [each] for kind in ("internet-gateway", "nat-gateway") for each in things[kind]} | links
    return [
        Relation(way.id, ("subnet", subnet), f"for {listed(sorted(to))}")
        for table in things["route-table"]
        for gateway, to in _by_gateway(table).items()
        for way in ways.get(gateway, ())
        for subnet in table.facts["subnets"]
    ]


def _by_gateway(table: Thing) -> dict[str, list[str]]:
    by_gateway: dict[str, list[str]] = defaultdict(list)
    for to, gateway in table.facts.get("ways", {}).items():
        by_gateway[gateway].append("everything else" if to == "0.0.0.0/0" else to)
    return by_gateway


def _origins(things: Things) -> Iterator[Relation]:
    balancers = {each.facts.get("dns"): each for each in things["load-balancer"]}
    for distribution in things["distribution"]:
        for origin in distribution.facts.get("origins", ()):
            if balancer := balancers.get(origin["domain"]):
                yield Relation(distribution.id, balancer.id, f"fetches {origin['path'] or '/'} there")


def _rules(things: Things) -> Iterator[Relation]:
    for balancer in things["load-balancer"]:
        to: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for rule in balancer.facts.get("rules", ()):
            for group in rule["to"]:
                to[group][rule["path"] or "everything else"].append(str(rule["port"]))
        for group, paths in to.items():
            said = [f"{path} on {' and '.join(dict.fromkeys(ports))}" for path, ports in paths.items()]
            yield Relation(balancer.id, ("target-group", group), listed(said))


def _targets(things: Things, groups: Mapping[str, Sequence[Thing]]) -> Iterator[Relation]:
    of = {host.key: name for name, hosts in groups.items() for host in hosts}
    for group in things["target-group"]:
        states: dict[str, Counter[str]] = defaultdict(Counter)
        for host, state in group.facts.get("targets", {}).items():
            if host in of:
                states[of[host]][state] += 1
        for name, counts in states.items():
            light = "ok" if set(counts) == {"healthy"} else "warn"
            yield Relation(group.id, (HOSTS, name), _counts(counts), light=light)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many} {state}" for state, many in sorted(counts.items()))


def _let_in(things: Things, groups: Mapping[str, Sequence[Thing]]) -> Iterator[Relation]:
    """Whom the security groups of a database or a cache let in: by the host's own group, or by its address."""
    rules = {each.key: each.facts.get("in", ()) for each in things["security-group"]}

    @cache
    def let_in(names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Which groups of hosts, and in which words: once for all that have the same security groups."""
        wanted = {(str(rule["from"]), _ports(rule)) for name in names for rule in rules.get(name, ())}
        found = []
        for name, hosts in groups.items() if wanted else ():
            fitting = [{ports for source, ports in wanted if _fits(source, host)} for host in hosts]
            if many := sum(map(bool, fitting)):
                ports = listed(sorted(set().union(*fitting)))
                found.append((name, f"its security group lets {_of(many, len(hosts))} in on port {ports}"))
        return found

    for stored in (*things["database"], *things["cache"]):
        for name, said in let_in(tuple(stored.facts.get("groups", ()))):
            yield Relation((HOSTS, name), stored.id, said, may=True)


def _fits(source: str, host: Thing) -> bool:
    if source in host.facts.get("groups", ()):
        return True
    network, address = _network(source), _address(str(host.facts.get("private_ip")))
    return network is not None and address is not None and address in network


@lru_cache(10_000)
def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(10_000)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _ports(rule: Mapping[str, Any]) -> str:
    low, high = rule["ports"]
    return str(low) if low == high else f"{low}–{high}"


def _of(some: int, many: int) -> str:
    return counted("host", many) if some == many else f"{some} of {counted('host', many)}"


def _mounted(things: Things, groups: Mapping[str, Sequence[Thing]]) -> Iterator[Relation]:
    """What a host itself says that it has mounted, and from which host: by its address, or by a name that Route 53 leads there."""
    at = {str(host.facts.get("private_ip")): host for host in things["instance"]}
    at |= {record.name: at[value] for record in things["record"] for value in record.facts.get("values", ()) if value in at}
    says = {each.name: each.facts.get("mounts", {}) for each in things["host"]}
    for name, hosts in groups.items():
        shares: dict[Id, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        asked = [host for host in hosts if host.name in says]
        for host in asked:
            for point, source in says[host.name].items():
                if server := at.get(source.partition(":")[0]):
                    shares[server.id][host.key].add(point)
        for served_by, by_host in shares.items():
            points = sorted(set().union(*by_host.values()))
            is_whole = len(by_host) == len(asked) and all(len(each) == len(points) for each in by_host.values())
            said = f"{counted('share', len(points))} mounted on {_of(len(by_host), len(asked))} that answered: {listed(points)}"
            yield Relation((HOSTS, name), served_by, said, light="ok" if is_whole else "warn")


def _copies(things: Things) -> Iterator[Relation]:
    databases = {each.key: each for each in things["database"]}
    for database in databases.values():
        if database.facts.get("source") in databases:
            yield Relation(("database", database.facts["source"]), database.id, "read replica")
        if database.facts.get("multi_az"):
            yield Relation(database.id, ("standby", database.key), "synchronous copy")
    for cluster in things["cache"]:
        for member in cluster.facts.get("members", ()):
            if member["role"] == "replica":
                yield Relation(cluster.id, ("replica", member["node"]), "replica, may be read")


def related(relations: Iterable[Relation]) -> set[Id]:
    return {end for each in relations for end in (each.source, each.target)}
