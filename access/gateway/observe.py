"""Looking at the gateway: the security group in AWS, HAProxy on the host. The state of an entry changes here alone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from access import place, watching
from access.gateway import haproxy, kept, rules
from access.gateway.exposure import EVERYBODY
from access.models import AllowedAddress, Seen
from access.programs import ask
from estate.ways_in import Gateway
from people.notifications import notify
from remote.aws import links, security_groups
from remote.aws.security_groups import Rule

EVERY, HOST_EVERY = 10.0, timedelta(seconds=30)
NAME, HOST = "gateway", "haproxy"
State = AllowedAddress.State


def watch() -> None:
    """For the scheduler: AWS and the host, each with its own word about when it last answered."""
    watching.look(NAME, observe, every=EVERY)
    if watching.is_pausing(NAME):
        return  # the host is found through AWS, too
    row = Seen.objects.filter(name=HOST).first()
    if row is None or row.tried is None or timezone.now() - row.tried > HOST_EVERY:
        watching.look(HOST, look_at_host, every=HOST_EVERY.total_seconds())


def observe(*, closing: int | None = None) -> dict[str, str]:
    """The entries' states after it, by mark. Raises RemoteError, NotConfigured."""
    gateway, began = place.gateway(), timezone.now()
    Seen.objects.get_or_create(name=NAME)
    Seen.objects.filter(name=NAME).update(tried=began)
    group = security_groups.group_id(gateway.group)
    found, listed = security_groups.inbound(group), list_entries(gateway)
    facts: dict[str, Any] = {"group": group, "rules": [asdict(rule) for rule in found], "listed": listed, "began": began.isoformat()}
    facts |= {"links": [{"name": link.name, "up": link.up, "tunnels": len(link.tunnels)} for link in links.links()], "open": _open_to_all()}
    with transaction.atomic():
        row = Seen.objects.select_for_update().get(name=NAME)
        if row.facts.get("began", "") > began.isoformat():  # somebody looked later, and was faster
            return {entry.mark: str(entry.state) for entry in AllowedAddress.objects.all()}
        at = timezone.now()
        states = _settle(gateway, found, listed, at, closing)
        unknown = [asdict(rule) for rule in rules.compare(list(AllowedAddress.objects.all()), found, gateway.services).unknown]
        Seen.objects.filter(name=NAME).update(answered=at, error="", facts={**facts, "unknown": unknown})
        _tell_new(unknown, {each["id"] for each in row.facts.get("unknown", unknown)})
    return states


def _tell_new(unknown: list[dict[str, Any]], known: set[str]) -> None:
    new = {each["id"] for each in unknown} - known
    if new:
        text = "; ".join(f"{each['cidr']} {each['first']}-{each['last']} “{each['description']}”" for each in unknown if each["id"] in new)
        notify(
            "drift",
            title="A rule of the gateway that nobody asked for here",
            text=text,
            url="/access/allow-list/",
            key=f"rules:{sorted(new)}"[:300],
        )


def list_entries(gateway: Gateway) -> list[str]:
    """The addresses of the prefix list that the console keeps; none where it keeps the group's rules themselves."""
    if not gateway.prefix_list:
        return []
    return [cidr for cidr, _ in security_groups.prefix_list(gateway.prefix_list).entries]


def look_at_host() -> None:
    """Raises RemoteError. What the host says is stored before any repository is asked, which takes its time."""
    before = Seen.objects.get_or_create(name=HOST)[0].facts
    Seen.objects.filter(name=HOST).update(tried=timezone.now())
    where = place.find(place.gateway().instance)
    found = ask("gateway", where.ip, "report")
    config = haproxy.config(found.text("config"))
    facts: dict[str, Any] = {
        "service": found.word("service"),
        "valid": found.word("valid"),
        "problems": haproxy.problems(config),
        "kept": before.get("kept") or {},
        "binds": [{"frontend": each.frontend, "first": each.first, "last": each.last} for each in config.binds],
        "backends": [asdict(each) for each in haproxy.backends(found.text("stat"))],
        "backend_of": config.backends,
        "servers": config.servers,
        "ip": where.ip,
        "instance_id": where.instance_id,
    }
    Seen.objects.filter(name=HOST).update(answered=timezone.now(), error="", facts=facts)
    compared = kept.compared(found.text("config"), facts["kept"])
    Seen.objects.filter(name=HOST).update(facts=facts | {"kept": compared})


def _open_to_all() -> list[dict[str, str]]:
    """What any group lets in from the whole internet."""
    found = []
    for group in security_groups.open_to_all():
        for rule in security_groups.inbound(group.id):
            if rule.cidr in EVERYBODY:
                ports = "all" if rule.first < 0 else str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
                found.append({"group": group.name, "about": group.about, "ports": f"{ports}/{rule.protocol}"})
    return found


def is_in_aws(entry: AllowedAddress, gateway: Gateway, found: list[Rule], listed: list[str]) -> bool:
    if gateway.owner == "terraform":
        return entry.cidr in listed
    return not rules.lacking(rules.wanted(entry, gateway.services), found)


def is_out_of_aws(entry: AllowedAddress, gateway: Gateway, found: list[Rule], listed: list[str]) -> bool:
    """No rule has its mark any more. An address that another entry keeps in the list stays there."""
    if gateway.owner == "terraform":
        return entry.cidr not in listed or is_shared(entry)
    return all(rules.mark_of(rule.description) != entry.mark for rule in found)


def is_shared(entry: AllowedAddress) -> bool:
    return AllowedAddress.objects.filter(cidr=entry.cidr, state__in=(State.ADDING, State.ALLOWED)).exclude(pk=entry.pk).exists()


def _settle(gateway: Gateway, found: list[Rule], listed: list[str], at: datetime, closing: int | None) -> dict[str, str]:
    states = {}
    for entry in AllowedAddress.objects.select_related("run").exclude(state__in=(State.REMOVED, State.ASKED)):
        with transaction.atomic():
            run = entry.run
            over = run is None or not run.is_active
            there = is_in_aws(entry, gateway, found, listed)
            if entry.state == State.ADDING and there:
                entry.state, entry.said = State.ALLOWED, ""
            elif entry.state == State.ADDING and over:
                entry.state, entry.said = State.FAILED, run.said if run else ""
            elif entry.state == State.REMOVING and is_out_of_aws(entry, gateway, found, listed):
                entry.state, entry.removed, entry.said = State.REMOVED, at, ""
            elif entry.state == State.REMOVING and over and run is not None and run.number != closing:
                entry.state, entry.said = State.ALLOWED, f"It could not be closed: {run.said}"
            elif entry.state == State.ALLOWED:
                entry.said = "" if there else "Its rules are missing in AWS: somebody took them away."
            entry.save()
        states[entry.mark] = str(entry.state)
    return states
