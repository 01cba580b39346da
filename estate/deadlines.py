"""What ends by itself: one list of everything that has a date, filled by sources that the packages above register when the app starts.

A source asks the outside world, so no page calls it: `refresh`, which the scheduler does, asks each source that is due and stores what it
said; `read_all` reads the rows. A source that cannot be read stays on the list with its last deadlines, their age, and why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from estate.health import CannotCheck as CannotCheck  # noqa: PLC0414 (sources import it from here)
from estate.models import DeadlineSource
from people.notifications import notify
from remote.aws.session import without_retries
from remote.errors import RemoteError

log = logging.getLogger(__name__)

EVERY = 3600.0  # seconds between two readings of a source that has not said otherwise
AGAIN = 60.0  # seconds after which a source that could not be read is asked again
LATE = 3  # readings that may be missed before what a source said is called old
FAULT = "The console failed in reading it: its log says how."

OK, WARN, BAD, UNKNOWN = "ok", "warn", "bad", "unknown"


@dataclass(frozen=True, slots=True)
class Deadline:
    """`key` is the same from one reading to the next. `due` is None where the date is not known: `why` says so then.

    From `warn_days` before `due` it needs a look, from `bad_days` on it is urgent.
    """

    key: str
    kind: str  # certificate, snapshot, disk, …
    title: str
    due: datetime | None
    url: str = ""
    why: str = ""
    warn_days: float = 30
    bad_days: float = 7

    def days_left(self, at: datetime) -> float | None:
        return None if self.due is None else (self.due - at).total_seconds() / 86_400

    def light(self, at: datetime) -> str:
        left = self.days_left(at)
        if left is None:
            return UNKNOWN
        return BAD if left <= self.bad_days else WARN if left <= self.warn_days else OK

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "kind": self.kind,
            "title": self.title,
            "due": self.due.isoformat() if self.due else None,
            "url": self.url,
            "why": self.why,
            "warn_days": self.warn_days,
            "bad_days": self.bad_days,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Deadline:
        return cls(**{**raw, "due": datetime.fromisoformat(raw["due"]) if raw["due"] else None})


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline as the list shows it: from which source, read when."""

    source: str
    deadline: Deadline
    read: datetime
    days_left: float | None
    light: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A source whose word is missing or old, and why; `read` is when it last answered."""

    source: str
    why: str
    read: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    """`dues` by days left, those without a date first: they may be over already."""

    at: datetime
    dues: tuple[Due, ...]
    unread: tuple[Unread, ...]

    def count(self, light: str) -> int:
        return sum(due.light == light for due in self.dues)


@dataclass(frozen=True, slots=True)
class _Source:
    read: Callable[[], Iterable[Deadline]]
    every: float


_sources: dict[str, _Source] = {}


def register(source: str, read: Callable[[], Iterable[Deadline]], *, every: float = EVERY) -> None:
    """`source` is what people read: "Certificates in Paris". `read` may raise RemoteError or CannotCheck. `every` is in seconds."""
    if source in _sources:
        raise ValueError(f"the deadlines of {source} are registered twice")
    _sources[source] = _Source(read, every)


def refresh(*, max_age: float | None = None) -> None:
    """Asks every source that is due, or all whose word is older than `max_age` seconds. One that fails keeps no other from being asked."""
    rows = DeadlineSource.objects.in_bulk()
    with ExitStack() as stack:
        for name, source in _sources.items():
            row = rows.get(name)
            if _is_due(row, source, max_age):
                stack.callback(_refresh, name, source, once=row is not None and bool(row.error))


def read_all() -> Board:
    """What the sources last said; asks nobody."""
    return board(DeadlineSource.objects.all())


def board(stored: Iterable[DeadlineSource]) -> Board:
    """The same, of rows that have been read already."""
    at, rows = timezone.now(), {row.name: row for row in stored}
    dues: list[Due] = []
    unread: list[Unread] = []
    for name, source in _sources.items():
        row = rows.get(name)
        if row is not None and row.answered is not None:
            read = row.answered
            found = [Deadline.from_json(raw) for raw in row.deadlines]
            dues += [Due(name, each, read, each.days_left(at), each.light(at)) for each in found]
        if (why := _unread(row, source, at)) is not None:
            unread.append(Unread(name, why, row.answered if row else None))
    dues.sort(key=lambda due: (due.days_left is not None, due.days_left or 0.0, due.deadline.title))
    return Board(at, tuple(dues), tuple(unread))


def _is_due(row: DeadlineSource | None, source: _Source, max_age: float | None) -> bool:
    if row is None or row.tried is None:
        return True
    every = min(AGAIN, source.every) if row.error else source.every
    return row.tried <= timezone.now() - timedelta(seconds=every if max_age is None else max_age)


def _unread(row: DeadlineSource | None, source: _Source, at: datetime) -> str | None:
    if row is None or row.tried is None:
        return "It has not been read yet."
    if row.error:
        return row.error
    if row.answered is None or at - row.answered > timedelta(seconds=LATE * max(source.every, AGAIN)):
        return "It has not been read for long: the scheduler may have stopped."
    return None


def _refresh(name: str, source: _Source, *, once: bool) -> None:
    """Stores what the source says; where it says nothing, why. A fault of our own is stored as one, and raised."""
    tried, error, found = timezone.now(), FAULT, None
    try:
        with without_retries(when=once):
            found, error = [each.to_json() for each in source.read()], ""
    except RemoteError as refused:
        error = refused.told
    except CannotCheck as unknown:
        error = str(unknown)
    finally:
        _keep(name, tried, error, found)


@transaction.atomic
def _keep(name: str, tried: datetime, error: str, found: list[dict[str, Any]] | None) -> None:
    row, _ = DeadlineSource.objects.select_for_update().get_or_create(name=name)
    row.tried, row.error = tried, error
    if found is not None:
        row.answered, row.deadlines = timezone.now(), found
        for raw in found:
            _warn(name, Deadline.from_json(raw))
    row.save()


def _warn(source: str, deadline: Deadline) -> None:
    """Once for each threshold that is crossed: the key names the date, so a renewed certificate warns again before its new end."""
    at = timezone.now()
    light = deadline.light(at)
    if deadline.due is None or light not in (WARN, BAD):
        return
    left = deadline.days_left(at) or 0.0
    stage = "over" if left <= 0 else light
    said = "is over" if left <= 0 else f"ends in {_days(left)}"
    notify(
        "deadline",
        title=f"{deadline.title} {said}",
        text=f"{deadline.title}: {deadline.due:%d %b %Y %H:%M} UTC. {deadline.why}".strip(),
        url=deadline.url or "/deadlines/",
        key=f"deadline:{source}:{deadline.key}:{stage}:{deadline.due:%Y-%m-%d}",
    )


def _days(left: float) -> str:
    if left < 1:
        return "less than a day"
    return "1 day" if left < 2 else f"{int(left)} days"
