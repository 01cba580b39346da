"""What a person can do about the allow-list. Each is atomic, asks for permission, and starts one run."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from access import place
from access.gateway import rules
from access.gateway.observe import is_shared
from access.models import AllowedAddress
from access.starting import begin
from estate.validators import is_wide, network, person_name, reason_given, until_given
from estate.ways_in import Gateway
from people import audit
from people.models import Operator
from people.permissions import require
from runs.actions import KeyReused, Refusal
from runs.models import Run
from runs.plan import Act, Plan, Step

KIND, OWN_KIND = "allow", "allow-own"
OWN = timedelta(hours=2)
LONGEST = timedelta(days=366)
State = AllowedAddress.State
_INSIDE = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


class NotPossible(Refusal):
    """Not in the state that the entry is in."""


def allow(
    *, cidr: str, services: Sequence[str], owner: str, reason: str, until: datetime, idempotency_key: str = "", by: Operator
) -> AllowedAddress:
    """Its run is `entry.run`; None where a second person has to agree first. Raises ValidationError, Forbidden, KeyReused, LockHeld,
    RemoteError."""
    require(by, KIND, place.ways_in().environment)
    key = idempotency_key or uuid.uuid4().hex
    gateway, cidr, owner, reason = place.gateway(), network(cidr.strip(), wide=True), person_name(owner), reason_given(reason)
    # Before it is judged by the time and the estate of now: what was right once is the same intention later, too.
    earlier = _begun_with(key, cidr=cidr, services=sorted(set(services)), owner=owner, reason=reason, until=until)
    if earlier is not None:
        return earlier
    entry = AllowedAddress(
        cidr=cidr,
        services=_known(services, gateway),
        owner=owner,
        reason=reason,
        until=until_given(until, longest=LONGEST),
        asked_by=by,
    )
    _not_twice(entry)
    if is_wide(entry.cidr):
        entry.state, entry.said = State.ASKED, "It is wider than /24 (/48): a second admin has to agree."
        entry.save()
        audit.record("allow.ask", by=by, target=entry.cidr, why=entry.reason)
        return entry
    return _open(entry, gateway, KIND, key, by)


def allow_myself(*, address: str, services: Sequence[str], reason: str = "", by: Operator) -> AllowedAddress:
    """The signed-in operator's own address, for two hours."""
    require(by, OWN_KIND, place.ways_in().environment)
    gateway = place.gateway()
    cidr = network(address.strip())
    if ipaddress.ip_network(cidr).num_addresses != 1:
        raise ValidationError("Your own address is a single one, without “/”.", code="network")
    if _is_inside(cidr):
        raise ValidationError(
            f"{address} is an address inside a network, which AWS never sees. Look up your public address.", code="network"
        )
    entry = AllowedAddress(
        cidr=cidr,
        services=_known(services, gateway),
        owner=str(by),
        reason=reason_given(reason or "let me in for two hours"),
        until=timezone.now() + OWN,
        own=True,
        asked_by=by,
    )
    _not_twice(entry)
    return _open(entry, gateway, OWN_KIND, uuid.uuid4().hex, by)


def agree(entry: AllowedAddress, *, by: Operator) -> Run:
    """The second person's word for a wide network."""
    require(by, KIND, place.ways_in().environment)
    if entry.state != State.ASKED:
        raise NotPossible(f"{entry.cidr} is {entry.state}: nobody's word is needed.")
    if entry.asked_by_id == by.pk:
        raise NotPossible("You asked for it yourself: another admin has to agree.")
    if entry.is_over(timezone.now()):
        raise NotPossible("Its time is over already.")
    entry.approved_by = by
    opened = _open(entry, place.gateway(), KIND, uuid.uuid4().hex, by)
    assert opened.run is not None  # noqa: S101 -- made with it
    return opened.run


def close(entry: AllowedAddress, *, reason: str, by: Operator) -> Run | None:
    """Whoever let themselves in may close it; others' entries need the role that makes them. None where there was nothing in AWS."""
    own = entry.own and entry.asked_by_id == by.pk
    require(by, OWN_KIND if own else KIND, place.ways_in().environment)
    return _close(entry, reason=reason_given(reason), kind=OWN_KIND if own else KIND, by=by)


def end(entry: AllowedAddress, *, by: Operator) -> Run | None:
    """Its time is over: the console itself closes it."""
    return _close(entry, reason=f"its time was over {entry.until:%d %b %Y %H:%M} UTC", kind=OWN_KIND, by=by)


def _begun_with(key: str, **wanted: object) -> AllowedAddress | None:
    """The entry that this key opened, whatever became of it since. Raises KeyReused where something else was wanted then."""
    run = Run.objects.filter(idempotency_key=key).select_related("plan").first()
    if run is None:
        return None
    entry = AllowedAddress.objects.filter(pk=run.plan.document["facts"].get("entry")).first()
    if entry is None or {name: sorted(entry.services) if name == "services" else getattr(entry, name) for name in wanted} != wanted:
        raise KeyReused(f"This idempotency key started run {run.number}, which something else was asked of. Use a new key.")
    return entry


def _close(entry: AllowedAddress, *, reason: str, kind: str, by: Operator) -> Run | None:
    if entry.state == State.ASKED:
        AllowedAddress.objects.filter(pk=entry.pk, state=State.ASKED).update(
            state=State.REMOVED, removed=timezone.now(), said="never allowed"
        )
        return None
    if entry.state not in (State.ALLOWED, State.FAILED):
        raise NotPossible(f"{entry.cidr} is {entry.state}: there is nothing to close now.")
    gateway = place.gateway()
    with transaction.atomic():
        run = begin(
            _plan(f"Close the gateway to {entry.cidr}", _closing(entry, gateway), entry, gateway, kind),
            reason=reason,
            idempotency_key=uuid.uuid4().hex,
            by=by,
        )
        AllowedAddress.objects.filter(pk=entry.pk).update(state=State.REMOVING, run=run, said="")
    audit.record("allow.close", by=by, target=entry.cidr, why=reason, run=run.number)
    entry.refresh_from_db()
    return run


def _open(entry: AllowedAddress, gateway: Gateway, kind: str, key: str, by: Operator) -> AllowedAddress:
    with transaction.atomic():
        entry.state, entry.said = State.ADDING, ""
        entry.save()
        plan = _plan(f"Open the gateway to {entry.cidr}", _opening(entry, gateway), entry, gateway, kind)
        entry.run = begin(plan, reason=entry.reason, idempotency_key=key, by=by)
        entry.save()
    facts = {"services": ", ".join(entry.services), "until": entry.until.isoformat(), "owner": entry.owner}
    audit.record("allow.open", by=by, target=entry.cidr, why=entry.reason, run=entry.run.number, facts=facts)
    return entry


def _opening(entry: AllowedAddress, gateway: Gateway) -> Iterator[Step]:
    yield _into_list(entry, gateway) if gateway.owner == "terraform" else _into_group(entry, gateway)
    yield _back(entry, State.ALLOWED)


def _into_group(entry: AllowedAddress, gateway: Gateway) -> Step:
    wanted = rules.wanted(entry, gateway.services)
    ports = ",".join(f"{each.first}-{each.last}" for each in wanted)
    argv = ("aws", "ec2", "authorize-security-group-ingress", "--group-name", gateway.group, "--cidr", entry.cidr, "--port", ports)
    act = Act("gateway.allow", "allow", gateway.group, argv, params={"group": gateway.group, "rules": [asdict(each) for each in wanted]})
    return Step("open", f"Put {len(wanted)} rules into {gateway.group}", (act,), "One for each range of ports.", gateway.group, 3)


def _into_list(entry: AllowedAddress, gateway: Gateway) -> Step:
    params = {"list": gateway.prefix_list, "cidr": entry.cidr, "description": rules.description(entry)}
    act = Act("gateway.list-put", "put", gateway.prefix_list, _modify(gateway, "--add-entries", entry.cidr), params=params)
    note = "Terraform's group refers to this list."
    return Step("open", f"Put {entry.cidr} into {gateway.prefix_list}", (act,), note, gateway.prefix_list, 3)


def _closing(entry: AllowedAddress, gateway: Gateway) -> Iterator[Step]:
    if gateway.owner != "terraform":
        argv = ("aws", "ec2", "revoke-security-group-ingress", "--group-name", gateway.group, "--marked", entry.mark)
        act = Act("gateway.close", "close", gateway.group, argv, params={"group": gateway.group, "mark": entry.mark})
        note = f"Those that are marked {entry.mark}."
        yield Step("close", f"Take the rules of {entry.cidr} out of {gateway.group}", (act,), note, gateway.group, 3)
    elif not is_shared(entry):
        params = {"list": gateway.prefix_list, "cidr": entry.cidr}
        act = Act("gateway.list-take", "take", gateway.prefix_list, _modify(gateway, "--remove-entries", entry.cidr), params=params)
        yield Step("close", f"Take {entry.cidr} out of {gateway.prefix_list}", (act,), "", gateway.prefix_list, 3)
    yield _back(entry, State.REMOVED)


def _modify(gateway: Gateway, how: str, cidr: str) -> tuple[str, ...]:
    return ("aws", "ec2", "modify-managed-prefix-list", "--prefix-list-name", gateway.prefix_list, how, f"Cidr={cidr}")


def _back(entry: AllowedAddress, wanted: str) -> Step:
    act = Act("gateway.read-back", "read-back", "AWS", params={"pk": entry.pk, "wanted": str(wanted)})
    return Step("read-back", "Read the group back", (act,), "Until AWS shows it. Reads only.", "AWS", 2)


def _plan(title: str, steps: Iterator[Step], entry: AllowedAddress, gateway: Gateway, kind: str) -> Plan:
    facts = {"cidr": entry.cidr, "entry": entry.pk, "services": list(entry.services), "until": entry.until.isoformat()}
    return Plan(kind, title[:120], "gateway", place.ways_in().environment, gateway.lock_group, tuple(steps), facts)


def _known(services: Sequence[str], gateway: Gateway) -> list[str]:
    """In the order of estate.yaml, each once."""
    unknown = [key for key in services if key not in gateway.services]
    known = ", ".join(gateway.services)
    if unknown:
        raise ValidationError(f"The gateway has no service “{unknown[0][:40]}”. It has: {known}.", code="services")
    if not services:
        raise ValidationError(f"Choose what may be reached: {known}.", code="services")
    return [key for key in gateway.services if key in services]


def _not_twice(entry: AllowedAddress) -> None:
    for other in AllowedAddress.objects.filter(cidr=entry.cidr, state__in=AllowedAddress.OPEN):
        both = set(other.services) & set(entry.services)
        if both:
            raise ValidationError(
                f"{entry.cidr} is allowed already for {', '.join(sorted(both))}, until {other.until:%d %b %Y %H:%M} UTC ({other.owner}). "
                "Close that entry first, or choose other services.",
                code="twice",
            )


def public_address(text: str) -> str:
    """The address where it is one that AWS may see; "" else."""
    try:
        return text if ipaddress.ip_address(text).is_global else ""
    except ValueError:
        return ""


def _is_inside(cidr: str) -> bool:
    found = ipaddress.ip_network(cidr)
    return any(found.version == net.version and found.subnet_of(net) for net in _INSIDE)  # type: ignore[arg-type]
