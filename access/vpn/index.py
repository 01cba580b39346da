"""easy-rsa's `pki/index.txt`: one line a certificate, separated by tabs. Pure.

V⇥YYMMDDHHMMSSZ⇥⇥SERIAL⇥unknown⇥/CN=alice      R⇥expiry⇥revoked[,reason]⇥SERIAL⇥unknown⇥/CN=bob
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_SERIAL = re.compile(r"[0-9A-F]{1,40}")
_NAME = re.compile(r"/CN=(.+?)(?:/[A-Za-z][A-Za-z0-9]*=.*)?")  # an e-mail address may stand behind it
_OF_A_SERVER = re.compile(r"server|ca|server_[A-Za-z0-9]{16}")  # the last is what the usual install script calls it, anew each time


@dataclass(frozen=True, slots=True)
class Line:
    """`state`: V, R or E (expired, written only by `openssl ca -updatedb`)."""

    state: str
    ends: datetime
    revoked: datetime | None
    serial: str
    name: str
    text: str


def lines(text: str) -> list[Line]:
    """What is no line of an index is left out: a half-written one is whole at the next look."""
    return [found for raw in text.replace("\r", "").split("\n") if (found := _line(raw)) is not None]


def _line(raw: str) -> Line | None:
    parts = raw.split("\t")
    if len(parts) != 6 or parts[0] not in ("V", "R", "E") or not _SERIAL.fullmatch(parts[3]):
        return None
    name = _NAME.fullmatch(parts[5], parts[5].find("/CN="))
    if name is None:
        return None
    try:
        revoked = time_of(parts[2].partition(",")[0]) if parts[2] else None
        return Line(parts[0], time_of(parts[1]), revoked, parts[3], name[1], raw)
    except ValueError:
        return None


def time_of(text: str) -> datetime:
    """ASN.1's two forms: with a year of two digits until 2049, of four from then on."""
    digits = text.removesuffix("Z")
    form = "%Y%m%d%H%M%S" if len(digits) == 14 else "%y%m%d%H%M%S"
    found = datetime.strptime(digits, form).replace(tzinfo=UTC)
    return found if len(digits) == 14 or found.year < 2050 else found.replace(year=found.year - 100)


def newest_valid(found: Iterable[Line], name: str) -> Line | None:
    """A name may have many certificates: the one that was added last counts."""
    mine = [line for line in found if line.name == name and line.state == "V"]
    return mine[-1] if mine else None


def people(found: Iterable[Line], server: str) -> Iterator[Line]:
    """Without the certificates of the server itself: of this name, and those that it had before."""
    return (line for line in found if line.name != server and not _OF_A_SERVER.fullmatch(line.name))
