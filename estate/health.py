"""What is asked about the health of the estate: findings, and who finds them.

Every package above registers what it can prove of its own things when the app starts; `monitoring.board` asks, stores and shows it. A check
reads what its own poller stored, with the time of seeing, or asks the world with a deadline of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

OK, INFO, WARN, BAD, UNKNOWN = "ok", "info", "warn", "bad", "unknown"


class CannotCheck(Exception):
    """Raised by a check that knows why it can prove nothing. The text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` is the same each time; `said` is the cause, or the proof; `seen` is given where it was seen earlier than now."""

    key: str
    title: str
    state: str
    said: str = ""
    url: str = ""
    seen: str = ""  # ISO 8601


@dataclass(frozen=True, slots=True)
class Check:
    group: str
    find: Callable[[], Iterable[Finding]]
    every: float  # seconds


_checks: dict[str, Check] = {}


def register(name: str, group: str, find: Callable[[], Iterable[Finding]], *, every: float) -> None:
    """`find` may raise RemoteError or CannotCheck, and must end by itself. `every` is in seconds."""
    if name in _checks:
        raise ValueError(f"the check {name} is registered twice")
    _checks[name] = Check(group, find, every)


def checks() -> Mapping[str, Check]:
    return _checks
