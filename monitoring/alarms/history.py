"""The transitions of alarms, page by page: each page is found by its key, so the thousandth costs what the first does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q

from monitoring.alarms.models import Transition
from people.retention import delete_some

PAGE = 50


class BadCursor(ValueError):
    """The cursor is none of ours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One transition as it is shown; `lasted` until the next change of state, None while it still does."""

    transition: Transition
    lasted: timedelta | None


@dataclass(frozen=True, slots=True)
class Page:
    lines: tuple[Line, ...]
    next: str  # "" on the last page


def page(alarm: str, *, cursor: str = "", size: int = PAGE, actions: bool = True) -> Page:
    """Newest first; without `actions`, those that went well are left out. Raises BadCursor."""
    rows = Transition.objects.filter(alarm=alarm)
    if not actions:
        rows = rows.exclude(kind=Transition.Kind.ACTION, summary__startswith="Successfully")
    later: datetime | None = None
    if cursor:
        at, id_ = _read(cursor)
        rows = rows.filter(at__lte=at).filter(Q(at__lt=at) | Q(id__lt=id_))
        newer = Transition.objects.filter(alarm=alarm, kind=Transition.Kind.STATE, at__gte=at).order_by("at").values_list("at", flat=True)
        later = newer.first()
    found = list(rows.order_by("-at", "-id")[: size + 1])
    shown = found[:size]
    return Page(tuple(_lines(shown, later)), _cursor(shown[-1]) if len(found) > size else "")


def newest() -> tuple[int, datetime] | None:
    """The last that was stored, by its number and when."""
    return Transition.objects.order_by("-pk").values_list("pk", "stored").first()


class Turn(NamedTuple):
    """What a strip is drawn from: of a transition that, and no more."""

    alarm: str
    at: datetime
    old: str
    new: str
    expected: bool


def since(alarms: Sequence[str], begins: datetime, *, most: int) -> dict[str, list[Turn]]:
    """Changes of state, oldest first, by alarm; the newest `most` of all together."""
    rows = Transition.objects.filter(alarm__in=alarms, kind=Transition.Kind.STATE, at__gte=begins)
    found: dict[str, list[Turn]] = {}
    for row in reversed(rows.order_by("-at", "-id").values_list("alarm", "at", "old", "new", "expected")[:most]):
        found.setdefault(row[0], []).append(Turn(*row))
    return found


def remove(before: datetime, most: int) -> int:
    """The newest change of each alarm's state stays, however old it is: it says since when the state is what it is."""
    newer = Transition.objects.filter(alarm=OuterRef("alarm"), kind=Transition.Kind.STATE, at__gt=OuterRef("at"))
    old = Transition.objects.filter(~Q(kind=Transition.Kind.STATE) | Exists(newer), at__lt=before)
    return delete_some(old.order_by("at", "id"), most)


def _lines(rows: Sequence[Transition], later: datetime | None) -> list[Line]:
    made = []
    for row in rows:
        lasted = None
        if row.kind == Transition.Kind.STATE:
            lasted = later - row.at if later else None
            later = row.at
        made.append(Line(row, lasted))
    return made


def _cursor(row: Transition) -> str:
    return f"{round(row.at.timestamp() * 1_000_000)}-{row.pk}"


def _read(cursor: str) -> tuple[datetime, int]:
    micros, _, id_ = cursor.partition("-")
    if not (micros.isascii() and micros.isdigit() and id_.isascii() and id_.isdigit() and len(micros) < 18 and len(id_) < 19):
        raise BadCursor(f"“{cursor[:40]}” is no cursor; leave it out to begin with the newest.")
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros)), int(id_)
