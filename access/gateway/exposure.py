"""Who reaches what: each way in from outside, what lies behind it, and who may take it. From what was last seen; nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from access.gateway.haproxy import Backend, Bind, Config, running_on
from access.models import Seen, VpnUser
from estate.ways_in import Gateway
from remote.aws.security_groups import Rule

EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Way:
    """One row: `light` is of the risk, `behind` of what answers there."""

    what: str
    ports: str
    by: str  # internet, allow-list, VPN, IPSec tunnel
    who: str
    light: str
    to: str
    behind: Backend | None
    note: str = ""


def ways(gateway: Gateway | None, seen: Seen | None, host: Seen | None, vpn: Seen | None) -> list[Way]:
    found: list[Way] = []
    if gateway is not None:
        facts: dict[str, Any] = seen.facts if seen else {}
        rules = [Rule(**each) for each in facts["rules"]] if "rules" in facts else None
        found += _through_gateway(gateway, rules, host.facts if host else {})
        found += _open_to_all(facts.get("open", ()))
    found += _vpn(vpn.facts if vpn else {})
    if seen is not None:
        found += [_tunnel(each) for each in seen.facts.get("links", ())]
    return found


def _through_gateway(gateway: Gateway, rules: Sequence[Rule] | None, host: dict[str, Any]) -> Iterator[Way]:
    """`rules` is None where AWS has not told them yet; `host` is empty where the gateway has not."""
    config = Config([Bind(**each) for each in host.get("binds", ())], host.get("backend_of", {}), host.get("servers", {}))
    backends = [Backend(**each) for each in host.get("backends", ())]
    for service in gateway.services.values():
        for first, last in service.ports:
            reached = [rule for rule in rules or () if rule.protocol in ("tcp", "-1") and _reaches(rule, first, last)]
            sources = {rule.cidr or rule.prefix_list or rule.group for rule in reached}
            who, light = _who(sources, is_delicate=first == 445 or first <= 3389 <= last) if rules is not None else ("unknown", "unknown")
            backend = config.backend_of(first, last)
            to = ", ".join(address for _, address in config.servers.get(backend, ())) or ("nothing is bound there" if host else "unknown")
            yield Way(
                service.name,
                str(first) if first == last else f"{first}-{last}",
                "internet" if sources & set(EVERYBODY) else "allow-list",
                who,
                light,
                to,
                running_on(backends, backend),
                _also(service.key, first, last, gateway),
            )


def _who(sources: set[str], *, is_delicate: bool) -> tuple[str, str]:
    if sources & set(EVERYBODY):
        return "everybody", "bad"
    if not sources:
        return "nobody", "skip"
    return "1 address or network" if len(sources) == 1 else f"{len(sources)} addresses or networks", "warn" if is_delicate else "ok"


def _reaches(rule: Rule, first: int, last: int) -> bool:
    """Any port of the range."""
    return rule.protocol == "-1" or (rule.first <= last and first <= rule.last)


def _also(key: str, first: int, last: int, gateway: Gateway) -> str:
    """A range that holds another service's port lets to that, too: an arithmetic fact."""
    inside = [
        f"{other.name} ({one})"
        for other in gateway.services.values()
        if other.key != key
        for one, end in other.ports
        if first < last and first <= one and end <= last
    ]
    return f"Whoever is allowed here reaches {', '.join(inside)} as well." if inside else ""


def _open_to_all(found: Sequence[dict[str, Any]]) -> Iterator[Way]:
    for each in found:
        yield Way(each["group"], each["ports"], "internet", "everybody", "warn", each["about"], None)


def _vpn(facts: dict[str, Any]) -> Iterator[Way]:
    if not facts:
        return
    users = VpnUser.objects.exclude(state__in=(VpnUser.State.REVOKED, VpnUser.State.FAILED)).count()
    connected = facts.get("sessions")
    registered = f"{users} user{'' if users == 1 else 's'} in the register"
    who = f"{registered}, {len(connected)} connected" if connected is not None else registered
    routes = ", ".join(facts.get("routes", ())) or "no route is pushed"
    yield Way(
        "OpenVPN",
        "1194/udp",
        "VPN",
        who,
        "ok" if not facts.get("differs") else "unknown",
        routes,
        None,
        "Whoever is connected reaches every subnet.",
    )


def _tunnel(each: dict[str, Any]) -> Way:
    up, tunnels = each["up"], each["tunnels"]
    light = "unknown" if not tunnels else "ok" if up == tunnels else "warn" if up else "bad"
    to = f"{up} of {tunnels} tunnels up" if tunnels else "AWS says nothing of its tunnels"
    note = "The document does not say what depends on it."
    return Way(each["name"], "all", "IPSec tunnel", "the client's own network", light, to, None, note)
