"""What the pages about VPN users show, as values: one row for each name, of the register or of the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from access import place
from access.models import Seen, VpnCertificate, VpnUser
from access.vpn import register
from access.vpn.actions import REVIEW_EVERY
from access.vpn.observe import EVERY, NAME
from access.vpn.register import Differences
from access.vpn.sessions import Session
from runs.models import Run

State = VpnUser.State
SOON = timedelta(days=30)
_LIGHTS = {
    State.CREATING: "info", State.VALID: "ok", State.FAILED: "bad", State.SUSPENDING: "info", State.SUSPENDED: "warn",
    State.RESUMING: "info", State.REVOKING: "info", State.REVOKED: "skip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """`user` is None for a name that is on the server and in no register. `session` is None also where nobody can say."""

    name: str
    user: VpnUser | None
    serial: str
    state: str
    light: str
    ends: datetime | None  # the certificate
    sessions: tuple[Session, ...]
    is_ending: bool = False

    @property
    def session(self) -> Session | None:
        return self.sessions[0] if self.sessions else None


@dataclass(frozen=True, slots=True)
class VpnPage:
    at: datetime
    host: str
    seen: Seen | None
    stale: bool
    rows: tuple[Row, ...]
    counts: dict[str, int]
    differs: Differences
    revoking: VpnUser | None
    run: Run | None  # that holds the lock
    facts: dict[str, Any]
    crl_next: datetime | None
    ca_ends: datetime | None
    server_ends: datetime | None
    heard_at: datetime | None


def vpn_page(at: datetime, *, show: str = "all", find: str = "") -> VpnPage:
    """Raises NotConfigured."""
    vpn = place.vpn()
    seen = Seen.objects.filter(name=NAME).first()
    facts: dict[str, Any] = seen.facts if seen else {}
    users, certificates = _stored()
    rows = _rows(at, facts, users, certificates)
    counts = {
        "all": len(rows),
        "valid": sum(row.state == "valid" for row in rows),
        "ending": sum(row.is_ending for row in rows),
        "connected": sum(bool(row.sessions) for row in rows),
        "revoked": sum(row.state == "revoked" for row in rows),
    }
    holder = Run.objects.filter(lock_group=vpn.lock_group, holds_lock=True).first()
    return VpnPage(
        at=at,
        host=vpn.instance,
        seen=seen,
        stale=seen is None or seen.answered is None or at - seen.answered > timedelta(seconds=4 * EVERY),
        rows=tuple(
            row for row in rows if _is_shown(row, show) and find.lower() in f"{row.name} {row.user.person if row.user else ''}".lower()
        ),
        counts=counts,
        differs=register.differing(certificates, users),
        revoking=max((user for user in users.values() if user.state == State.REVOKING), key=lambda user: user.run_id or 0, default=None),
        run=holder if holder is not None and holder.is_active else None,
        facts=facts,
        crl_next=_time(facts.get("crl", {}).get("next_update")),
        ca_ends=_time(facts.get("ca_ends")),
        server_ends=_time(facts.get("server_ends")),
        heard_at=_time(facts.get("heard_at")),
    )


def all_rows(at: datetime, facts: dict[str, Any]) -> list[Row]:
    return _rows(at, facts, *_stored())


def _stored() -> tuple[dict[str, VpnUser], list[VpnCertificate]]:
    users = {user.name: user for user in VpnUser.objects.select_related("run")}
    return users, list(VpnCertificate.objects.order_by("is_revoked", "ends"))


def _rows(at: datetime, facts: dict[str, Any], users: Mapping[str, VpnUser], certificates: Sequence[VpnCertificate]) -> list[Row]:
    sessions = [Session.from_json(each) for each in facts.get("sessions") or ()]
    newest: dict[str, VpnCertificate] = {}
    for each in certificates:
        if each.name not in newest or not each.is_revoked:
            newest[each.name] = each
    rows = [_row(user, newest.get(name), sessions, at) for name, user in users.items()]
    rows += [_found(each, sessions) for name, each in newest.items() if name not in users]
    nobodys = {each.name for each in sessions} - newest.keys() - users.keys()
    rows += [_nobodys(name, sessions) for name in nobodys]
    order = {"info": 0, "bad": 1, "unknown": 2, "warn": 3, "ok": 4, "skip": 5}
    return sorted(rows, key=lambda row: (order[row.light], row.name))


def _row(user: VpnUser, certificate: VpnCertificate | None, sessions: Sequence[Session], at: datetime) -> Row:
    ends = user.certificate_ends or (certificate.ends if certificate else None)
    state, light = str(user.state), _LIGHTS[State(user.state)]
    mine = tuple(each for each in sessions if each.name == user.name)
    ending = user.has_access and min(user.expires, ends or user.expires) - at < SOON
    if state == "valid" and (user.said or (certificate is not None and certificate.is_lost)):
        state, light = "missing on the server", "unknown"
    elif state == "valid" and ends is not None and ends <= at:
        state, light = "expired", "bad"
    elif state == "revoked" and certificate is not None and certificate.came_back and certificate.on_server:
        state, light = "revoked, and back", "bad"
    elif ending and light == "ok":
        light = "warn"
    return Row(user.name, user, user.serial or (certificate.serial if certificate else ""), state, light, ends, mine, ending)


def _found(each: VpnCertificate, sessions: Sequence[Session]) -> Row:
    mine = tuple(session for session in sessions if session.name == each.name)
    if each.is_revoked:
        back = each.came_back and each.on_server
        return Row(each.name, None, each.serial, "revoked, and back" if back else "revoked", "bad" if back else "skip", each.ends, mine)
    return Row(each.name, None, each.serial, "not in register" if each.on_server else "lost", "unknown", each.ends, mine)


def _nobodys(name: str, sessions: Sequence[Session]) -> Row:
    """Connected by a certificate of the CA that no index has: made elsewhere, or by a server that was rebuilt before it was seen."""
    return Row(name, None, "", "connected, in no index", "bad", None, tuple(each for each in sessions if each.name == name))


def _is_shown(row: Row, show: str) -> bool:
    match show:
        case "valid" | "revoked":
            return row.state == show
        case "ending":
            return row.is_ending
        case "connected":
            return bool(row.sessions)
    return True


def needs_review(user: VpnUser, at: datetime) -> bool:
    return user.has_access and at - user.reviewed > REVIEW_EVERY


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
