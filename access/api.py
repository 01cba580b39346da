"""Who may come in, for machines: VPN users and allowed addresses. Changing something answers 202 with its run."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from ninja import Header, Query, Router, Schema, Status

from access import place
from access.gateway import actions as gateway
from access.models import AllowedAddress, Seen, VpnUser
from access.vpn import actions, pages, plans
from estate.validators import idempotency_key
from people.permissions import require
from runs.models import Run

router = Router(tags=["access"])
Limit = Annotated[int, Query(ge=1, le=500)]


class VpnUserIn(Schema):
    """`expires` is when the access ends by itself; it has a time zone."""

    name: str
    person: str
    reason: str
    expires: datetime
    contact: str = ""


class Reason(Schema):
    reason: str


class VpnUserOut(Schema):
    """`state` is what the server proves. `connected` is null where nobody can say."""

    name: str
    in_register: bool
    person: str
    reason: str
    state: str
    serial: str
    expires: datetime | None
    certificate_ends: datetime | None
    delivered: datetime | None
    connected: bool | None
    last_seen: datetime | None
    run: int | None


class VpnUsers(Schema):
    """`seen` is when the server last answered."""

    items: list[VpnUserOut]
    next: str | None
    seen: datetime | None


class Begun(Schema):
    """What was asked for, and the run that does it."""

    name: str
    state: str
    run: int
    link: str


@router.get("/vpn-users", response=VpnUsers)
def list_vpn_users(request: HttpRequest, cursor: str = "", limit: Limit = 200) -> dict[str, Any]:
    """By name; those of the register and those that only the server knows."""
    require(request.user, "view")
    place.vpn()
    seen = Seen.objects.filter(name="vpn").first()
    rows = sorted(pages.all_rows(timezone.now(), seen.facts if seen else {}), key=lambda row: row.name)
    rest = [row for row in rows if row.name > cursor]
    told = seen is not None and seen.facts.get("sessions") is not None
    return {
        "items": [_out(row, told) for row in rest[:limit]],
        "next": rest[limit - 1].name if len(rest) > limit else None,
        "seen": seen.answered if seen else None,
    }


@router.post("/vpn-users", response={202: Begun})
def create_vpn_user(
    request: HttpRequest, wanted: VpnUserIn, key: Annotated[str, Header(alias="Idempotency-Key")] = ""
) -> Status[dict[str, Any]]:
    by = require(request.user, plans.KIND, place.ways_in().environment)
    made = actions.create_user(
        name=wanted.name,
        person=wanted.person,
        reason=wanted.reason,
        expires=wanted.expires,
        contact=wanted.contact,
        idempotency_key=idempotency_key(key) if key else "",
        by=by,
    )
    assert made.run is not None  # noqa: S101 -- created with it
    return Status(202, _begun(request, made.name, str(made.state), made.run))


@router.get("/vpn-users/{name}", response=VpnUserOut)
def show_vpn_user(request: HttpRequest, name: str) -> dict[str, Any]:
    require(request.user, "view")
    VpnUser.objects.get(name=name[:64])
    seen = Seen.objects.filter(name="vpn").first()
    row = next(row for row in pages.all_rows(timezone.now(), seen.facts if seen else {}) if row.name == name)
    return _out(row, seen is not None and seen.facts.get("sessions") is not None)


class ClaimIn(Schema):
    """Who answers for a certificate that was found on the server, and until when."""

    person: str
    reason: str
    expires: datetime
    contact: str = ""


@router.post("/vpn-users/{name}/claim", response={201: VpnUserOut})
def claim_vpn_user(request: HttpRequest, name: str, wanted: ClaimIn) -> Status[dict[str, Any]]:
    """Of a name that only the server knows. Nothing is changed there."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    words = {"person": wanted.person, "reason": wanted.reason, "contact": wanted.contact}
    made = actions.claim(name, expires=wanted.expires, by=by, **words)
    return Status(201, show_vpn_user(request, made.name))


@router.post("/vpn-users/{name}/revoke-unknown", response={202: Begun})
def revoke_unknown(request: HttpRequest, name: str, why: Reason) -> Status[dict[str, Any]]:
    """A certificate that nobody claims."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    return Status(202, _begun(request, name, "revoking", actions.revoke_unknown(name, reason=why.reason, by=by)))


@router.post("/vpn/reapply", response={202: Begun})
def reapply(request: HttpRequest) -> Status[dict[str, Any]]:
    """After the server's image was rebuilt: what its index lost, the CRL, and whoever is revoked put out."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    return Status(202, _begun(request, "the register", "re-applying", actions.reapply(by=by)))


@router.post("/vpn/crl", response={202: Begun})
def renew_crl(request: HttpRequest) -> Status[dict[str, Any]]:
    """Before it is over, which puts everybody out."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    return Status(202, _begun(request, "the CRL", "renewing", actions.renew_crl(by=by)))


@router.post("/vpn-users/{name}/revoke", response={202: Begun})
def revoke_vpn_user(request: HttpRequest, name: str, why: Reason) -> Status[dict[str, Any]]:
    """“revoking” until the server proves it."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    found = VpnUser.objects.get(name=name[:64])
    run = actions.revoke(found, reason=why.reason, by=by)
    return Status(202, _begun(request, found.name, str(found.state), run))


class DeedIn(Schema):
    """`expires`, with its zone, is for reissue (where it is to change) and renew."""

    reason: str = ""
    expires: datetime | None = None


class Changed(Schema):
    """`run` is null where the server had nothing to change."""

    name: str
    state: str
    run: int | None


@router.post("/vpn-users/{name}/{deed}", response={202: Changed})
def change_vpn_user(
    request: HttpRequest, name: str, deed: Literal["suspend", "resume", "disconnect", "reissue", "renew", "review"], wanted: DeedIn
) -> Status[dict[str, Any]]:
    """Suspend and let in again, end the connection, a new profile, a later end, or “still needed”."""
    by = require(request.user, plans.KIND, place.ways_in().environment)
    found = VpnUser.objects.get(name=name[:64])
    run: Run | None = None
    match deed:
        case "suspend" | "resume":
            run = actions.suspend(found, on=deed == "suspend", reason=wanted.reason, by=by)
        case "disconnect":
            run = actions.disconnect(found, reason=wanted.reason, by=by)
        case "reissue":
            run = actions.reissue(found, reason=wanted.reason, expires=wanted.expires, by=by)
        case "renew":
            if wanted.expires is None:
                raise ValidationError("Say until when: `expires`, with its zone.")
            run = actions.renew(found, wanted.expires, reason=wanted.reason, by=by)
        case "review":
            actions.still_needed(found, by=by)
    found.refresh_from_db()
    return Status(202, {"name": found.name, "state": str(found.state), "run": run.number if run else None})


class AllowedIn(Schema):
    """`services` are keys of estate.yaml; `until` has a time zone."""

    cidr: str
    services: list[str]
    owner: str
    reason: str
    until: datetime


class AllowedOut(Schema):
    """`run` is null where a second person has to agree first."""

    id: int
    cidr: str
    services: list[str]
    owner: str
    reason: str
    since: datetime
    until: datetime
    state: str
    said: str
    run: int | None


class AllowedPage(Schema):
    items: list[AllowedOut]
    next: str | None
    seen: datetime | None


@router.get("/allowed-addresses", response=AllowedPage)
def list_allowed_addresses(request: HttpRequest, cursor: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Limit = 200) -> dict[str, Any]:
    """In the order in which they were asked for; closed ones, too."""
    require(request.user, "view")
    found = list(AllowedAddress.objects.filter(pk__gt=cursor).order_by("pk")[: limit + 1])
    seen = Seen.objects.filter(name="gateway").first()
    return {
        "items": [_allowed(entry) for entry in found[:limit]],
        "next": str(found[limit - 1].pk) if len(found) > limit else None,
        "seen": seen.answered if seen else None,
    }


@router.post("/allowed-addresses", response={202: AllowedOut})
def allow_address(
    request: HttpRequest, wanted: AllowedIn, key: Annotated[str, Header(alias="Idempotency-Key")] = ""
) -> Status[dict[str, Any]]:
    by = require(request.user, gateway.KIND, place.ways_in().environment)
    made = gateway.allow(
        cidr=wanted.cidr,
        services=wanted.services,
        owner=wanted.owner,
        reason=wanted.reason,
        until=wanted.until,
        idempotency_key=idempotency_key(key) if key else "",
        by=by,
    )
    return Status(202, _allowed(made))


@router.post("/allowed-addresses/{int:entry}/close", response={202: AllowedOut})
def close_address(request: HttpRequest, entry: int, why: Reason) -> Status[dict[str, Any]]:
    by = require(request.user, gateway.OWN_KIND, place.ways_in().environment)
    found = AllowedAddress.objects.get(pk=min(entry, 2**62))
    gateway.close(found, reason=why.reason, by=by)
    found.refresh_from_db()
    return Status(202, _allowed(found))


class MyselfIn(Schema):
    """One's own address, for two hours."""

    address: str
    services: list[str]
    reason: str = ""


@router.post("/allowed-addresses/myself", response={202: AllowedOut})
def allow_myself(request: HttpRequest, wanted: MyselfIn) -> Status[dict[str, Any]]:
    by = require(request.user, gateway.OWN_KIND, place.ways_in().environment)
    made = gateway.allow_myself(address=wanted.address, services=wanted.services, reason=wanted.reason, by=by)
    return Status(202, _allowed(made))


@router.post("/allowed-addresses/{int:entry}/agree", response={202: AllowedOut})
def agree_to_address(request: HttpRequest, entry: int) -> Status[dict[str, Any]]:
    """The second person's word for a wide network."""
    by = require(request.user, gateway.KIND, place.ways_in().environment)
    found = AllowedAddress.objects.get(pk=min(entry, 2**62))
    gateway.agree(found, by=by)
    found.refresh_from_db()
    return Status(202, _allowed(found))


def _allowed(entry: AllowedAddress) -> dict[str, Any]:
    names = ("cidr", "services", "owner", "reason", "since", "until", "state", "said")
    return {"id": entry.pk, "run": entry.run_id, **{name: getattr(entry, name) for name in names}}


def _out(row: pages.Row, told: bool) -> dict[str, Any]:
    user = row.user
    return {
        "name": row.name,
        "in_register": user is not None,
        "person": user.person if user else "",
        "reason": user.reason if user else "",
        "state": row.state,
        "serial": row.serial,
        "expires": user.expires if user else None,
        "certificate_ends": row.ends,
        "delivered": user.delivered if user else None,
        "connected": bool(row.sessions) if told else None,
        "last_seen": user.last_seen if user else None,
        "run": user.run_id if user else None,
    }


def _begun(request: HttpRequest, name: str, state: str, run: Run) -> dict[str, Any]:
    return {"name": name, "state": state, "run": run.number, "link": request.build_absolute_uri(reverse("runs:detail", args=(run.number,)))}
