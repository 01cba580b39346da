"""What the VPN host says of itself in one look, read into values. Pure but for the one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.base import load_pem_x509_certificate, load_pem_x509_crl
from cryptography.x509.oid import NameOID

from access.programs import Sections, ask
from access.vpn import index, sessions
from access.vpn.index import Line
from access.vpn.sessions import Session
from remote.errors import Refused

PROGRAM = "vpn"
MISSING = {
    "script": "There is no /root/client-configs/create_user.sh on the host.",
    "base.conf": "There is no /root/client-configs/base.conf on the host: a profile would lack its server's address.",
    "ta.key": "There is no /root/client-configs/keys/ta.key on the host: a profile would lack its tls-crypt key.",
}


@dataclass(frozen=True, slots=True)
class Crl:
    """The list of revoked certificates where the service reads it. `place` is "" where the service is not told to read any."""

    place: str
    mode: str
    is_readable: bool
    serials: tuple[str, ...]
    next_update: datetime | None
    problem: str = ""

    @property
    def is_in_force(self) -> bool:
        return bool(self.place) and self.is_readable and not self.problem


@dataclass(frozen=True, slots=True)
class Server:
    """`heard` says where the sessions are from: the management interface, the status file with its age, or nowhere."""

    at: datetime
    service: str  # active, inactive, failed, or "" where it could not be asked
    since: str
    lines: tuple[Line, ...]
    ca_ends: datetime | None
    server_ends: datetime | None
    crl: Crl
    suspended: tuple[str, ...]
    sessions: tuple[Session, ...] | None  # None: nobody could say
    heard: str
    heard_at: datetime | None
    lacks: tuple[str, ...]
    routes: tuple[str, ...]
    silent: str = ""  # why the management interface does not say who is connected, where that is known

    def of(self, name: str) -> list[Line]:
        return [line for line in self.lines if line.name == name]

    def sessions_of(self, name: str) -> list[Session] | None:
        return None if self.sessions is None else [each for each in self.sessions if each.name == name]

    def to_json(self) -> dict[str, Any]:
        """For pages; the index lines have rows of their own."""
        return {
            "at": self.at.isoformat(),
            "service": self.service,
            "since": self.since,
            "ca_ends": _iso(self.ca_ends),
            "server_ends": _iso(self.server_ends),
            "crl": {
                "place": self.crl.place,
                "mode": self.crl.mode,
                "readable": self.crl.is_readable,
                "serials": list(self.crl.serials),
                "next_update": _iso(self.crl.next_update),
                "problem": self.crl.problem,
            },
            "suspended": list(self.suspended),
            "sessions": None if self.sessions is None else [each.to_json() for each in self.sessions],
            "heard": self.heard,
            "heard_at": _iso(self.heard_at),
            "silent": self.silent,
            "lacks": list(self.lacks),
            "routes": list(self.routes),
        }


def look(ip: str) -> Server:
    """One question to the host. Raises RemoteError."""
    found = ask(PROGRAM, ip, "report")
    try:
        return read(found)
    except (ValueError, OverflowError, OSError, UnsupportedAlgorithm) as error:
        raise Refused(
            f"{ip} says of its VPN what nobody understands: {error}", "Look at its clock, its certificates and its CRL."
        ) from error


def read(found: Sections) -> Server:
    heard, heard_at, connected = _sessions(found)
    own = first_certificate(found.text("server-certificate"))
    return Server(
        at=datetime.fromtimestamp(int(found.word("now") or 0), UTC),
        service=found.word("service"),
        since=found.word("since"),
        lines=tuple(index.people(index.lines(found.text("index")), _common_name(own))),
        ca_ends=_ends(first_certificate(found.text("ca"))),
        server_ends=_ends(own),
        crl=_crl(found),
        suspended=tuple(found.lines("suspended")),
        sessions=connected,
        heard=heard,
        heard_at=heard_at,
        lacks=tuple(name for name in MISSING if found.word(name) == "no"),
        routes=tuple(line.removeprefix("push ").strip().strip('"') for line in found.lines("routes")),
        silent=next((line.removeprefix("ERROR:").strip() for line in found.lines("management") if line.startswith("ERROR:")), ""),
    )


def serial_of(certificate: x509.Certificate | x509.RevokedCertificate) -> str:
    """As the index writes it: upper-case digits, an even number of them."""
    text = f"{certificate.serial_number:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def first_certificate(text: str) -> x509.Certificate | None:
    begin = text.find("-----BEGIN CERTIFICATE-----")
    try:
        return load_pem_x509_certificate(text[begin:].encode()) if begin >= 0 else None
    except ValueError:
        return None


def _ends(found: x509.Certificate | None) -> datetime | None:
    return found.not_valid_after_utc if found else None


def _common_name(found: x509.Certificate | None) -> str:
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if found else []
    return str(names[0].value) if names else "server"


def _crl(found: Sections) -> Crl:
    place = found.word("crl-place")
    if not place:
        return Crl("", "", False, (), None, "The service's configuration has no crl-verify: nobody who is revoked is refused.")
    mode, is_readable = found.word("crl-mode"), found.word("crl-readable") == "yes"
    if not found.text("crl").strip():
        return Crl(place, mode, is_readable, (), None, f"{place} is not there: the service cannot read it.")
    try:
        crl = load_pem_x509_crl(found.text("crl").encode())
    except ValueError:
        return Crl(place, mode, is_readable, (), None, f"{place} is no list of revoked certificates.")
    problem = "" if is_readable else f"{place} ({mode}) cannot be read by the service: it refuses everybody."
    return Crl(place, mode, is_readable, tuple(serial_of(each) for each in crl), crl.next_update_utc, problem)


def _sessions(found: Sections) -> tuple[str, datetime | None, tuple[Session, ...] | None]:
    """The management interface knows now; the status file is written every so many seconds."""
    now = sessions.status(found.text("management"))
    if now is not None:
        return "the management interface", now.at, now.sessions
    filed = sessions.status(found.text("status-file"))
    if filed is not None:
        age = found.word("status-age")
        return "the status file", datetime.fromtimestamp(int(age), UTC) if age.isdecimal() else filed.at, filed.sessions
    return "", None, None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def proof_of_revocation(server: Server, name: str, serials: Sequence[str]) -> list[dict[str, Any]]:
    """The lines that have to be true before anybody may read “revoked”. `ok` is None where it cannot be seen.

    `serials`: of the certificates that have time left; without any, nothing has to be revoked.
    """
    mine = [line for line in server.lines if line.serial in serials]
    still = [line for line in server.of(name) if line.state == "V" and line.ends > server.at]
    marked = not serials or (bool(mine) and all(line.state == "R" for line in mine))
    listed = all(serial in server.crl.serials for serial in serials)
    there = server.sessions_of(name)
    ends = f"next update {server.crl.next_update:%d %b %Y}" if server.crl.next_update else ""
    nobody = f"nobody can say who is connected: {server.silent}" if server.silent else "nobody can say who is connected"
    connected = nobody if there is None else f"{len(there)} of its sessions left" if there else server.heard
    return [
        _line(
            "The index marks it revoked",
            marked,
            "\n".join(line.text for line in mine) if serials else f"{name} has no unexpired certificate",
        ),
        _line(f"No other certificate of {name} is valid", not still, ", ".join(line.serial for line in still)),
        _line("The CRL contains the serial", listed, f"{len(server.crl.serials)} revoked in it · {ends}"),
        _line(
            "The service reads the CRL",
            server.crl.is_in_force,
            server.crl.problem or f"{server.crl.mode} {server.crl.place}, crl-verify is set",
        ),
        _line(f"No session of {name}", None if there is None else not there, connected),
    ]


def _line(title: str, ok: bool | None, said: str) -> dict[str, Any]:
    return {"title": title, "ok": ok, "said": said}
