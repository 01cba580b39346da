"""What the health board learns of databases, caches, distributions and names: from the inventory's rows, with the time of their reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from estate import health
from estate.health import BAD, INFO, OK, UNKNOWN, WARN, CannotCheck, Finding
from estate.models import Resource
from estate.reading import current
from monitoring.listed import listed

_STATUS = {"available": OK, "Deployed": OK, "modifying": INFO, "backing-up": INFO, "rebooting": WARN, "InProgress": INFO}
_ADDRESSES = ("A", "AAAA", "CNAME")
EVERY = 60.0


def register() -> None:
    health.register("RDS", "Databases", databases, every=EVERY)
    health.register("ElastiCache", "Caches", caches, every=EVERY)
    health.register("Route 53", "Names in DNS", names, every=EVERY)
    health.register("CloudFront", "Distributions", distributions, every=EVERY)


def databases() -> Iterable[Finding]:
    for row in _some("database"):
        status = str(row.facts.get("status"))
        standby = f"standby in {row.facts['standby']}" if row.facts.get("standby") else "no standby"
        yield Finding(row.key, row.name, _STATUS.get(status, BAD), f"{status}, in {row.facts.get('zone')}, {standby}.")


def caches() -> Iterable[Finding]:
    """Exactly one primary; with failover on, a replica that could take over."""
    for row in _some("cache"):
        status, members = str(row.facts.get("status")), row.facts.get("members") or []
        primary = next((each["node"] for each in members if each["role"] == "primary"), "")
        state = _STATUS.get(status, BAD)
        if row.facts.get("primaries") != 1:
            state = UNKNOWN if not members else BAD
        elif row.facts.get("failover") == "enabled" and not row.facts.get("replicas"):
            state = WARN
        said = f"{status}, primary is {primary or 'not known'}, {row.facts.get('replicas')} replicas, failover {row.facts.get('failover')}."
        yield Finding(row.key, row.name, state, said)


def distributions() -> Iterable[Finding]:
    for row in _some("distribution"):
        status = str(row.facts.get("status"))
        state = _STATUS.get(status, UNKNOWN) if row.facts.get("enabled") else BAD
        yield Finding(row.key, row.name, state, f"{status}, {'enabled' if row.facts.get('enabled') else 'switched off'}.")


def names() -> Iterable[Finding]:
    """Of each public name that the estate uses: does a public zone of ours have it, and does it lead to something of ours?"""
    ours = {str(row.facts.get("dns", "")).lower(): f"load balancer {row.name}" for row in _some("load-balancer")}
    ours |= {str(row.facts.get("domain", "")).lower(): f"distribution {row.name}" for row in listed("distribution")}
    zones = {row.name.lower() for row in _some("zone") if not row.facts.get("private")}
    records = {row.name.lower(): row for row in listed("record") if row.facts.get("zone") in zones and row.facts.get("type") in _ADDRESSES}
    for name in sorted(_public_names()):
        yield Finding(name, name, *_leads(name, zones, records, ours))


def _public_names() -> set[str]:
    """Without AWS's own names of load balancers, which no zone of ours has."""
    shops = {urlsplit(target.shop.url).hostname or "" for target in current().targets if target.shop}
    names = shops | {each.name for target in current().targets for each in target.cdn}
    return {name for name in names if name and not name.endswith(".amazonaws.com")}


def _leads(name: str, zones: set[str], records: Mapping[str, Resource], ours: Mapping[str, str]) -> tuple[str, str]:
    if not any(name == zone or name.endswith(f".{zone}") for zone in zones):
        return UNKNOWN, "No zone of this account has it: who keeps its zone decides where it leads."
    row = records.get(name)
    if row is None:
        return BAD, "Route 53 has no address of it: nobody finds it."
    to = [str(each).lower().rstrip(".") for each in ([row.facts["alias"]] if row.facts.get("alias") else row.facts.get("values") or [])]
    for place in to:
        if place.removeprefix("dualstack.") in ours:
            return OK, f"{row.facts.get('type')} leads to {ours[place.removeprefix('dualstack.')]}."
    return WARN, f"It leads to {', '.join(to) or 'nothing'}, which is no load balancer and no distribution of this account."


def _some(kind: str) -> list[Resource]:
    """Raises CannotCheck where AWS lists none: that nothing is there proves nothing."""
    found = listed(kind)
    if not found:
        raise CannotCheck("AWS lists none.")
    return found
