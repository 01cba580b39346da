"""HAProxy's configuration and statistics, read and judged. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_BIND = re.compile(r"^(?:[^\s:]*|\[[^\]]*\]|::):(\d+)(?:-(\d+))?$")
_CHECKS = {
    "L4OK": "its port answers",
    "L4CON": "its port refuses, or there is no way to it",
    "L4TOUT": "nothing answers: a firewall or a security group drops it",
    "L6OK": "its TLS answers",
    "L6TOUT": "its TLS does not answer",
    "L6RSP": "its TLS answers wrongly",
    "L7OK": "it answers well",
    "L7OKC": "it answers well enough",
    "L7TOUT": "it does not answer in time",
    "L7RSP": "it answers what nobody understands",
    "L7STS": "it answers with an error",
    "SOCKERR": "HAProxy could not open a socket",
    "INI": "it is being checked for the first time",
    "UNK": "nobody knows yet",
}


@dataclass(frozen=True, slots=True)
class Bind:
    frontend: str
    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(slots=True)
class Config:
    binds: list[Bind] = field(default_factory=list)
    backends: dict[str, str] = field(default_factory=dict)  # frontend -> backend
    servers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # backend -> name, address

    def backend_of(self, first: int, last: int) -> str:
        """The first that claims these ports."""
        return next((self.backends.get(each.frontend, "") for each in self.binds if each.first <= first and last <= each.last), "")


@dataclass(frozen=True, slots=True)
class Backend:
    """One server behind a backend, in words. `light`: a server that nobody checks is unknown, not healthy."""

    name: str
    server: str
    status: str
    light: str
    said: str
    seconds: int | None


def config(text: str) -> Config:
    found, section, name = Config(), "", ""
    for raw in text.splitlines():
        words = raw.partition("#")[0].split()
        if not words:
            continue
        if words[0] in ("global", "defaults", "frontend", "backend", "listen"):
            section, name = words[0], words[1] if len(words) > 1 else ""
            if section == "listen":
                found.backends[name] = name
        elif words[0] == "bind" and section in ("frontend", "listen"):
            found.binds += _binds(name, words[1])
        elif words[0] == "default_backend" and section == "frontend":
            found.backends[name] = words[1]
        elif words[0] == "server" and section in ("backend", "listen"):
            found.servers.setdefault(name, []).append((words[1], words[2] if len(words) > 2 else ""))
    return found


def _binds(frontend: str, addresses: str) -> Iterator[Bind]:
    for address in addresses.split(","):
        if match := _BIND.match(address):
            yield Bind(frontend, int(match[1]), int(match[2] or match[1]))


def problems(found: Config) -> list[str]:
    """What two binds claim at once: they fail at start, or share connections silently."""
    said = []
    for number, one in enumerate(found.binds):
        for other in found.binds[number + 1 :]:
            low, high = max(one.first, other.first), min(one.last, other.last)
            if low > high or one.frontend == other.frontend:
                continue
            small, large = (one, other) if one.last - one.first <= other.last - other.first else (other, one)
            if low == high and one.first == one.last and other.first == other.last:
                said.append(f"Port {low} is claimed twice: by {one.frontend} and by {other.frontend}. Who gets the visitors is chance.")
            else:
                said.append(
                    f"Port {small} of {small.frontend} lies inside {large} of {large.frontend}: "
                    f"who is allowed {large.frontend} is allowed {small.frontend}, too."
                )
    return said


def backends(text: str) -> list[Backend]:
    """From `show stat`: columns grow from version to version, so they are found by name."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    return [_backend(row) for row in rows if row.get("type") == "2"]


def _backend(row: dict[str, str]) -> Backend:
    status, check, since = row.get("status") or "", row.get("check_status") or "", row.get("lastchg") or ""
    word = status.split(" ")[0]
    light = {"UP": "ok", "DOWN": "bad", "MAINT": "warn", "DRAIN": "warn", "NOLB": "warn"}.get(word, "unknown")
    said = _CHECKS.get(check.removeprefix("* "), "")
    if status == "no check":
        said = "nobody checks it: whether it lives is not known"
    elif "/" in status:
        light, said = "warn", f"{said or 'it is changing'}, {status.split(' ')[1]} checks"
    return Backend(
        row.get("pxname") or "", row.get("svname") or "", status or "unknown", light, said, int(since) if since.isdecimal() else None
    )


def running_on(found: Sequence[Backend], backend: str) -> Backend | None:
    return next((each for each in found if each.name == backend), None)
