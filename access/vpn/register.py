"""The console's own register against the server's index: what each user is now, who is unknown, and what a rebuilt image has lost.

A state changes here alone, and only by what the server says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.models import VpnCertificate, VpnUser
from access.vpn import index
from access.vpn.index import Line
from access.vpn.server import Server, proof_of_revocation
from runs.models import Effect, Run

State = VpnUser.State


@dataclass(frozen=True, slots=True)
class Differences:
    """`back`: revoked, and let in again. `lost`: the index no longer knows them. `unknown`: valid on the server, in no register."""

    back: tuple[VpnCertificate, ...] = ()
    lost: tuple[VpnCertificate, ...] = ()
    unknown: tuple[VpnCertificate, ...] = ()
    crl: str = ""  # what is wrong with the list that the service reads

    @property
    def is_a_rebuild(self) -> bool:
        return bool(self.back or self.lost)

    @property
    def back_names(self) -> list[str]:
        return _names(self.back)

    @property
    def lost_names(self) -> list[str]:
        return _names(self.lost)

    @property
    def any(self) -> bool:
        return bool(self.back or self.lost or self.unknown or self.crl)

    def __str__(self) -> str:
        parts = [
            f"{', '.join(self.back_names)} revoked here and valid on the server" if self.back else "",
            f"{', '.join(self.lost_names)} lost from the server's index" if self.lost else "",
            f"{', '.join(_names(self.unknown))} on the server but in no register" if self.unknown else "",
            self.crl,
        ]
        return "; ".join(filter(None, parts))


def remember(found: Server, at: datetime) -> None:
    """The index, line by line. What is revoked here stays so: a rebuilt image knows less than we do."""
    known = VpnCertificate.objects.in_bulk()
    there = {line.serial: line for line in found.lines}
    for line in there.values():
        row = known.get(line.serial)
        if row is None:
            VpnCertificate.objects.create(
                serial=line.serial,
                name=line.name[:64],
                ends=line.ends,
                is_revoked=line.state == "R",
                line=line.text,
                on_server=line.state,
                seen=at,
            )
            continue
        row.on_server, row.seen = line.state, at
        if line.state == "R" or not row.is_revoked:
            row.is_revoked, row.line = line.state == "R", line.text
        row.save()
    VpnCertificate.objects.exclude(serial__in=there).exclude(on_server="").update(on_server="")


def settle(found: Server, at: datetime, *, closing: int | None = None) -> dict[str, str]:
    """Each user's state by what the server says now; by name. `closing`: the run that asks at its end, whose deeds count as done."""
    states = {}
    for user in VpnUser.objects.select_related("run"):
        with transaction.atomic():
            _seen(user, found, at)
            _settle(user, found, at, closing)
            user.save()
        states[user.name] = str(user.state)
    return states


def differences(found: Server | None = None) -> Differences:
    """From the rows. `found` adds what only the server itself can say: its CRL."""
    return differing(list(VpnCertificate.objects.all()), set(VpnUser.objects.values_list("name", flat=True)), found)


def differing(rows: Sequence[VpnCertificate], known: Collection[str], found: Server | None = None) -> Differences:
    """The same, of rows that have been read already; `known` are the register's names."""
    now = timezone.now()
    return Differences(
        back=tuple(row for row in rows if row.came_back and row.on_server and row.ends > now),
        lost=tuple(row for row in rows if row.is_lost and row.ends > now),
        unknown=tuple(row for row in rows if row.on_server == "V" and row.name not in known and not row.is_revoked),
        crl=found.crl.problem if found else "",
    )


def missing_from(lines: Sequence[Line], wanted: Iterable[str]) -> list[str]:
    """The serials of wanted index lines that the index lacks, or has in another state."""
    states = {line.serial: line.state for line in lines}
    return [line.serial for text in wanted for line in index.lines(text) if states.get(line.serial) != line.state]


def _settle(user: VpnUser, found: Server, at: datetime, closing: int | None) -> None:
    run = user.run
    over = run is None or not run.is_active or run.number == closing
    valid = index.newest_valid(found.lines, user.name)
    match user.state:
        case State.CREATING:
            if valid is not None and run is not None and _was_done(run, "vpn.create", valid.serial):
                user.state, user.said = State.VALID, ""
                user.serial, user.certificate_ends = valid.serial, valid.ends
            elif over and run is not None and run.number != closing:
                user.state, user.said = State.FAILED, _why(run)
        case State.REVOKING:
            _prove(user, found, at)
            if over and user.state == State.REVOKING and run is not None and run.number != closing:
                user.said = _why(run)
        case State.SUSPENDING | State.RESUMING:
            wants = user.state == State.SUSPENDING
            if (user.name in found.suspended) == wants and not (wants and found.sessions_of(user.name)):
                user.state, user.said = (State.SUSPENDED if wants else State.VALID), ""
            elif over and run is not None and run.number != closing:
                user.state, user.said = (State.VALID if wants else State.SUSPENDED), _why(run)
        case State.VALID | State.SUSPENDED:
            user.state = State.SUSPENDED if user.name in found.suspended else State.VALID
            user.said = "" if valid is not None else "The server's index has no valid certificate of this name."


def _prove(user: VpnUser, found: Server, at: datetime) -> None:
    serials = list(VpnCertificate.objects.filter(name=user.name, ends__gt=at).values_list("serial", flat=True))
    before = {line["title"]: line.get("at") for line in user.proof if line.get("ok")}
    lines: list[dict[str, Any]] = proof_of_revocation(found, user.name, serials)
    user.proof = [{**line, "at": (before.get(line["title"]) or at.isoformat()) if line["ok"] else None} for line in lines]
    if all(line["ok"] for line in lines):
        user.state, user.revoked, user.said = State.REVOKED, at, ""


def _seen(user: VpnUser, found: Server, at: datetime) -> None:
    for session in found.sessions_of(user.name) or ():
        user.last_seen, user.last_address = found.heard_at or at, session.real


def _was_done(run: Run, kind: str, serial: str) -> bool:
    return any(row.answer.get("serial") == serial for row in Effect.objects.filter(run=run, kind=kind, state__in=Effect.FINISHED))


def _why(run: Run) -> str:
    step = run.steps.filter(state__in=("failed", "unknown")).first()
    return (step.said if step else run.said) or f"Run {run.number} ended as {run.state}."


def _names(rows: Sequence[VpnCertificate]) -> list[str]:
    return sorted({row.name for row in rows})
