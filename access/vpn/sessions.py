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
    rows = [row for row in text.replace("\r", "").splitlines() if row and not row.startswith(">")]
    if not rows or rows[-1] != "END":
        return None
    if rows[0].startswith("OpenVPN CLIENT LIST"):
        return _version_1(rows)
    if rows[0].startswith(("TITLE,", "TITLE\t")):
        return _version_2(rows, rows[0][5])
    return None


def _version_1(rows: list[str]) -> Status:
    at, sessions, virtual, part, names = None, [], {}, "", []
    for row in rows[1:]:
        values = row.split(",")
        if values[0] == "Updated":
            at = _date(values[1])
        elif row in ("ROUTING TABLE", "GLOBAL STATS", "END"):
            part = row
        elif values[0] in ("Common Name", "Virtual Address"):
            names = values
        elif part == "ROUTING TABLE":
            virtual[values[1], values[2]] = values[0]
        elif part == "" and len(values) == len(names):
            sessions.append(dict(zip(names, values, strict=True)))
    made = tuple(_session(each, virtual.get((each["Common Name"], each["Real Address"]), "")) for each in sessions)
    return Status(at, made)


def _version_2(rows: list[str], separator: str) -> Status:
    """By the names in HEADER: columns were added over the years."""
    at, names, sessions = None, [], []
    for row in rows:
        values = row.split(separator)
        if values[0] == "TIME" and len(values) > 2:
            at = _epoch(values[2])
        elif values[:2] == ["HEADER", "CLIENT_LIST"]:
            names = values[2:]
        elif values[0] == "CLIENT_LIST" and len(values) - 1 == len(names):
            sessions.append(dict(zip(names, values[1:], strict=True)))
    return Status(at, tuple(_session(each, each.get("Virtual Address", "")) for each in sessions))


def _session(row: dict[str, str], virtual: str) -> Session:
    since = _epoch(row.get("Connected Since (time_t)", "")) or _date(row.get("Connected Since", ""))
    return Session(row["Common Name"], row["Real Address"], virtual, _count(row["Bytes Received"]), _count(row["Bytes Sent"]), since)


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() and len(text) < 12 else None


def _date(text: str) -> datetime | None:
    """The server's own zone is not told; its clock is taken for UTC."""
    for form in _TEXT_DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
