"""The network: subnets and ways out, who lets whom in, where requests and names lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from handover.checks.seen import Seen, called, listed, the
from handover.observed import Observed
from handover.security_rules import is_of, lets_in
from remote.aws.found import Found


def lets_in_only(observed: Observed, *, kind: str, name: str, groups: Sequence[str]) -> Seen:
    """Its security groups let nobody in but members of these groups."""
    thing = the(observed, kind, name)
    every = observed.by_id("security-group")
    let_in = sorted({_source(every, rule) for group in thing.facts["groups"] if group in every for rule in every[group].facts["in"]})
    return Seen(let_in == sorted(groups), f"{name} lets in {listed(let_in) or 'nobody'}", tuple(thing.facts["groups"]))


def lets_nobody_in_from_outside(observed: Observed, *, kind: str, names: Sequence[str], port: int = 0) -> Seen:
    """No rule of its security groups is open to more than the VPC; of one port, where that is said."""
    inside = [str(each.facts["cidr"]) for each in observed.every("vpc")]
    every = observed.by_id("security-group")
    open_: list[str] = []
    for name in names:
        for group in the(observed, kind, name).facts["groups"]:
            for rule in every[group].facts["in"] if group in every else ():
                if (not port or is_of(rule, port)) and "/" in rule["from"] and rule["from"] not in inside:
                    open_.append(f"{name}: {lets_in(rule)}")
    return Seen(not open_, listed(open_) or f"{listed(list(names))}: open to nobody outside the VPC", tuple(names))


def is_closed_to_the_world(observed: Observed, *, kind: str, names: Sequence[str]) -> Seen:
    """A list of addresses, not everybody: no rule of its security groups lets all of the internet in."""
    every = observed.by_id("security-group")
    sources = [
        rule["from"]
        for name in names
        for group in the(observed, kind, name).facts["groups"]
        if group in every
        for rule in every[group].facts["in"]
    ]
    open_ = [each for each in sources if each in ("0.0.0.0/0", "::/0")]
    return Seen(
        not open_ and bool(sources),
        f"{len(open_)} rules are open to everybody" if open_ else f"{len(set(sources))} sources are let in",
        tuple(names),
    )


def is_internal(observed: Observed, *, count: int) -> Seen:
    """No database is publicly accessible."""
    found = observed.every("database")
    public = [each.name for each in found if each.facts["public"]]
    return Seen(
        not public and len(found) == count, f"publicly accessible: {listed(public)}" if public else f"{len(found)} databases, none public"
    )


def routes(observed: Observed, *, balancer: str, path: str, to: str) -> Seen:
    """Each listener sends this path (empty: everything else) to that target group."""
    found = the(observed, "load-balancer", balancer)
    rules = [rule for rule in found.facts["rules"] if rule["path"] == path]
    right = [rule for rule in rules if rule["to"] == [to]]
    said = listed([f"port {rule['port']}: {rule['path'] or 'everything else'} → {listed(rule['to']) or rule['says']}" for rule in rules])
    return Seen(bool(right) and len(right) == len(found.facts["ports"]), said or f"no rule for {path or 'everything else'}", (balancer,))


def each_private_subnet_has_a_nat(observed: Observed, *, private: Sequence[str]) -> Seen:
    """A NAT gateway of its own, by its route table."""
    tables = observed.every("route-table")
    nats = observed.by_id("nat-gateway")
    ways: dict[str, str] = {}
    for subnet in observed.every("subnet"):
        if any(str(subnet.facts["cidr"]).endswith(end) for end in private):
            ways[str(subnet.facts["cidr"])] = next(
                (str(each.facts["default"]) for each in tables if subnet.id in each.facts["subnets"]), ""
            )
    own = len(set(ways.values())) == len(ways) == len(private) and all(way in nats for way in ways.values())
    return Seen(own, listed([f"{cidr} → {way or 'no way out'}" for cidr, way in sorted(ways.items())]), tuple(sorted(nats)))


def subnet_is(observed: Observed, *, ends: str, public: bool) -> Seen:
    """There is one of that range; public is one whose way out is the internet gateway, private one whose way out is a NAT."""
    found = [each for each in observed.every("subnet") if str(each.facts["cidr"]).endswith(ends)]
    if len(found) != 1:
        return Seen(False, f"{len(found)} subnets …{ends}")
    way = next((str(each.facts["default"]) for each in observed.every("route-table") if found[0].id in each.facts["subnets"]), "")
    ways = observed.by_id("internet-gateway" if public else "nat-gateway")
    said = (
        "public"
        if way in observed.by_id("internet-gateway")
        else "private, by NAT"
        if way in observed.by_id("nat-gateway")
        else "no way out"
    )
    return Seen(way in ways, f"{found[0].facts['cidr']} in {found[0].facts['zone']}: {said}", (found[0].id,))


def stand_in_first_subnets(observed: Observed, *, names: Sequence[str], subnets: Sequence[str]) -> Seen:
    """The convention for what needs no high availability."""
    first = {each.id for each in observed.every("subnet") if any(str(each.facts["cidr"]).endswith(end) for end in subnets)}
    outside = [name for name in names if the(observed, "instance", name).facts["subnet"] not in first]
    return Seen(not outside, f"outside: {listed(outside)}" if outside else f"{len(names)} of {len(names)} stand there", tuple(names))


def all_in_one_vpc(observed: Observed, *, kinds: Sequence[str]) -> Seen:
    own = [each for each in observed.every("vpc") if not each.facts["default"]]
    outside = [called(each) for kind in kinds for each in observed.every(kind) if own and each.facts.get("vpc") not in ("", own[0].id)]
    right = len(own) == 1 and not outside and str(own[0].facts["cidr"]).endswith(".0.0.0/16")
    return Seen(
        right,
        listed([f"{each.name or each.id} {each.facts['cidr']}" for each in own]) + (f"; outside: {listed(outside)}" if outside else ""),
    )


def tunnels_are_up(observed: Observed, *, links: Sequence[str]) -> Seen:
    """Every tunnel of these links."""
    said, right = [], True
    for name in links:
        tunnels = the(observed, "ipsec-link", name).facts["tunnels"]
        down = [each["address"] for each in tunnels if each["status"] != "UP"]
        right &= bool(tunnels) and not down
        said.append(f"{name}: {len(tunnels) - len(down)} of {len(tunnels)} up")
    return Seen(right, listed(said), tuple(links))


def resolves_to_host(observed: Observed, *, record: str, host: str) -> Seen:
    """The name's record has the private address of that instance."""
    values = the(observed, "record", record).facts["values"]
    address = the(observed, "instance", host).facts["private_ip"]
    return Seen(values == [address], f"{record} → {listed(values)}; {host} has {address}", (record,))


def points_to(observed: Observed, *, record: str, kind: str, name: str, fact: str) -> Seen:
    """The record is an alias of a load balancer's or a distribution's own name."""
    alias = the(observed, "record", record).facts["alias"]
    target = the(observed, kind, name).facts[fact]
    return Seen(alias == target, f"{record} → {alias or 'no alias'}", (record,))


def address_is_attached(observed: Observed, *, host: str) -> Seen:
    machine = the(observed, "instance", host)
    found = observed.every("elastic-ip", instance=machine.id)
    return Seen(len(found) == 1, f"{host}: {listed([str(each.facts['address']) for each in found]) or 'no Elastic IP'}", (host,))


def _source(groups: Mapping[str, Found], rule: Mapping[str, Any]) -> str:
    return groups[rule["from"]].name if rule["from"] in groups else str(rule["from"])
