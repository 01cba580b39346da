"""Certificates and the CDN."""

from __future__ import annotations

from collections.abc import Mapping

from handover.checks.seen import Seen, age_of, listed, the
from handover.observed import Observed


def certificate_is_of_distributions(observed: Observed, *, domain: str, count: int) -> Seen:
    """So many distributions serve a certificate of that domain that is in us-east-1."""
    arns = {each.id for each in observed.every("certificate", domain=domain, region="us-east-1")}
    serving = [each.name for each in observed.every("distribution") if each.facts["certificate"] in arns]
    return Seen(len(serving) == count, f"served by {listed(serving) or 'none'}; {count} expected", tuple(serving))


def origins_are(observed: Observed, *, balancer: str, paths: Mapping[str, str]) -> Seen:
    """distribution → path: each has that load balancer as its only origin."""
    dns = the(observed, "load-balancer", balancer).facts["dns"]
    origins = {name: the(observed, "distribution", name).facts["origins"] for name in paths}
    right = all(origins[name] == [{"domain": dns, "path": path}] for name, path in paths.items())
    return Seen(
        right, listed([f"{name} ← {each['domain']}{each['path']}" for name, found in origins.items() for each in found]), tuple(paths)
    )


def balancer_serves(observed: Observed, *, balancer: str, domain: str) -> Seen:
    """Its TLS listener has a certificate of that domain."""
    served = the(observed, "load-balancer", balancer).facts["certificates"]
    own = {each.id for each in observed.every("certificate", domain=domain)}
    return Seen(
        bool(served) and set(served) <= own,
        f"{balancer} serves {listed([each.rpartition('/')[2] for each in served]) or 'no certificate'}",
        tuple(served),
    )


def certificate_lasts(observed: Observed, *, domain: str, days: int) -> Seen:
    """Imported, in every region where it is, and not near its end."""
    found = observed.every("certificate", domain=domain)
    left = {each.name: -age_of(str(each.facts["ends"])).days for each in found}
    right = bool(found) and all(each >= days for each in left.values()) and all(each.facts["type"] == "IMPORTED" for each in found)
    return Seen(
        right,
        listed([f"{name}: {each} d left" for name, each in left.items()]) or f"no certificate of {domain}",
        tuple(each.id for each in found),
    )
