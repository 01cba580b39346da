"""What the health board learns of databases, caches and distributions: from the inventory's rows, with the time of their reading."""

from __future__ import annotations

from collections.abc import Iterable

from estate import health
from estate.health import BAD, INFO, OK, UNKNOWN, WARN, CannotCheck, Finding
from estate.models import Resource
from monitoring.listed import listed

_STATUS = {"available": OK, "Deployed": OK, "modifying": INFO, "backing-up": INFO, "rebooting": WARN, "InProgress": INFO}
EVERY = 60.0


def register() -> None:
    health.register("RDS", "Databases", databases, every=EVERY)
    health.register("ElastiCache", "Caches", caches, every=EVERY)
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


def _some(kind: str) -> list[Resource]:
    """Raises CannotCheck where AWS lists none: that nothing is there proves nothing."""
    found = listed(kind)
    if not found:
        raise CannotCheck("AWS lists none.")
    return found
