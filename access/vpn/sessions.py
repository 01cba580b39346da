"""Who is connected: OpenVPN's status in its three versions, from its file or from the management interface. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

_TEXT_DATES = ("%Y-%m-%d %H:%M:%S", "%a %b %d %H:%M:%S %Y")  # from 2.5 on; 2.4


@dataclass(frozen=True, slots=True)
class Session:
    """`received` and `sent` are the server's, in bytes. `since` is None where the date could not be read."""

    name: str
    real: str
    virtual: str
    received: int
    sent: int
    since: datetime | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat() if self.since else None}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Session:
        return cls(**{**raw, "since": datetime.fromisoformat(raw["since"]) if raw["since"] else None})


@dataclass(frozen=True, slots=True)
class Status:
    at: datetime | None
    sessions: tuple[Session, ...]


def status(text: str) -> Status | None:
    """None where this is no status, or only half of one: the file is written anew while it is read."""
    rows = [row for row in text.replace("\r", "").split("\n") if row and not row.startswith(">")]
    if not rows or rows[-1] != "END":
        return None
    if rows[0].startswith("OpenVPN CLIENT LIST"):
        return _version_1(rows)
    if rows[0].startswith(("TITLE,", "TITLE\t")):
        return _version_2(rows, rows[0][5])
    return None


def _version_1(rows: list[str]) -> Status:
    """Its first part has the clients, its second where each is inside: found again by the address outside, which one client alone has."""
    at, clients = None, []
    inside: dict[str, str] = {}
    names: list[str] = []
    for row in rows[1:]:
        first, _, rest = row.partition(",")
        if first == "Updated":
            at = _date(rest)
        elif first in ("Common Name", "Virtual Address"):
            names = row.split(",")
        elif row in ("ROUTING TABLE", "GLOBAL STATS", "END"):
            names = []
        elif names[:1] == ["Common Name"]:
            clients.append(_named(names, row, ","))
        elif names[:1] == ["Virtual Address"]:
            inside.setdefault(_named(names, row, ",").get("Real Address", ""), first)
    return Status(at, _sessions(clients, inside))


def _version_2(rows: list[str], separator: str) -> Status:
    """By the names in HEADER: columns were added over the years."""
    at, names, clients = None, [], []
    for row in rows:
        kind, _, rest = row.partition(separator)
        if kind == "TIME":
            at = _epoch(rest.rpartition(separator)[2])
        elif kind == "HEADER" and rest.startswith(f"CLIENT_LIST{separator}"):
            names = rest.split(separator)[1:]
        elif kind == "CLIENT_LIST":
            clients.append(_named(names, rest, separator))
    return Status(at, _sessions(clients, {}))


def _named(names: list[str], row: str, separator: str) -> dict[str, str]:
    """The row by its columns. A person's name may have the separator in it: what is too much belongs to it. Empty where too few."""
    values = row.split(separator)
    more = len(values) - len(names)
    if more < 0 or "Common Name" not in names:
        return {}
    at = names.index("Common Name")
    return dict(zip(names, [*values[:at], separator.join(values[at : at + more + 1]), *values[at + more + 1 :]], strict=True))


def _sessions(clients: list[dict[str, str]], inside: dict[str, str]) -> tuple[Session, ...]:
    """UNDEF is a client that has not proven who it is: nobody's session yet."""
    return tuple(_session(each, inside) for each in clients if each.get("Common Name", "UNDEF") != "UNDEF")


def _session(row: dict[str, str], inside: dict[str, str]) -> Session:
    since = _epoch(row.get("Connected Since (time_t)", "")) or _date(row.get("Connected Since", ""))
    real = row.get("Real Address", "")
    virtual = row.get("Virtual Address", "") or inside.get(real, "")
    return Session(row["Common Name"], real, virtual, _count(row.get("Bytes Received", "")), _count(row.get("Bytes Sent", "")), since)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def _date(text: str) -> datetime | None:
    """The server's own zone is not told; its clock is taken for UTC."""
    for form in _TEXT_DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
