"""What the health board learns of the ways in: HAProxy's servers, the OpenVPN service. Read from what was last seen."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from access.models import Seen
from estate import health
from estate.health import BAD, OK, UNKNOWN, CannotCheck, Finding


def register() -> None:
    health.register("HAProxy", "Gateway", back_ends, every=30)
    health.register("OpenVPN", "VPN", vpn_service, every=30)


def back_ends() -> Iterable[Finding]:
    """The service itself, and each server behind it; one that HAProxy does not check is unknown."""
    row, url = _seen("haproxy", "The gateway's HAProxy"), reverse("access:allow-list")
    service = str(row.facts.get("service", ""))
    yield Finding("service", "HAProxy", OK if service == "active" else BAD if service else UNKNOWN, service or "Not told.", url, _at(row))
    for each in row.facts.get("backends", ()):
        said = f"{each['status']}: {each['said']}"
        yield Finding(f"{each['name']}/{each['server']}", f"{each['name']} → {each['server']}", each["light"], said, url, _at(row))


def vpn_service() -> Iterable[Finding]:
    row, url = _seen("vpn", "The VPN host"), reverse("access:vpn")
    service = str(row.facts.get("service", ""))
    state = OK if service == "active" else BAD if service else UNKNOWN
    yield Finding("service", "OpenVPN", state, f"{service or 'Not told'}, since {row.facts.get('since') or 'unknown'}.", url, _at(row))
    crl = row.facts.get("crl") or {}
    if crl:
        force = crl.get("place") and crl.get("readable") and not crl.get("problem")
        said = crl.get("problem") or ("The service reads it." if force else "The service does not read it: revoked users may come in.")
        yield Finding("crl", "List of revoked certificates", OK if force else BAD, said, url, _at(row))


def _seen(name: str, who: str) -> Seen:
    """Raises CannotCheck where it never answered, or does not now."""
    row = Seen.objects.filter(name=name).first()
    if row is None or row.answered is None:
        raise CannotCheck(f"{who} has not answered yet. {row.error if row else ''}".strip())
    if row.error:
        raise CannotCheck(row.error)
    return row


def _at(row: Seen) -> str:
    return row.answered.isoformat() if row.answered else ""
