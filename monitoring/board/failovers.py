"""Failovers of databases and caches, in AWS's own words. AWS forgets them after two weeks; what was read is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from estate import health
from estate.health import OK, WARN, Finding
from monitoring.board.models import Failover
from monitoring.listed import listed
from people.retention import delete_some
from remote.aws import events

EVERY = 120.0
REMEMBERED = timedelta(days=14)  # by AWS
NEW = timedelta(days=1)  # for so long somebody should have a look
SHOWN = 20
WORD = "failover"


@dataclass(frozen=True, slots=True)
class _Side:
    kind: str  # of the inventory
    read: Callable[[datetime, datetime], Iterator[events.Event]]


SIDES = (_Side("database", events.of_databases), _Side("cache", events.of_caches))


def register() -> None:
    health.register("Failovers", "Failovers", failovers, every=EVERY)


def failovers() -> Iterable[Finding]:
    """One for each database and cache: when it last failed over, as far as is known. Raises CannotCheck, RemoteError."""
    now = timezone.now()
    for side in SIDES:
        rows = listed(side.kind)
        found = [each for each in side.read(now - REMEMBERED, now) if WORD in each.text.lower()]
        known = set(Failover.objects.filter(at__gte=now - 2 * REMEMBERED).values_list("source", "at", "text"))
        new = {(each.source, each.at, each.text[:500]) for each in found} - known
        Failover.objects.bulk_create([Failover(kind=side.kind, source=source, at=at, text=text) for source, at, text in sorted(new)])
        for row in rows:
            last = Failover.objects.filter(kind=side.kind, source=row.key).order_by("-at", "-pk").first()
            if last is None:
                yield Finding(row.key, row.name, OK, f"None in the {REMEMBERED.days} days that AWS remembers.")
            else:
                said = f"{last.at:%d %b %Y %H:%M} UTC: {last.text}"
                yield Finding(row.key, row.name, WARN if now - last.at < NEW else OK, said)


def remove(before: datetime, most: int) -> int:
    """The last of each database and cache stays."""
    newer = Failover.objects.filter(source=OuterRef("source"), at__gt=OuterRef("at"))
    return delete_some(Failover.objects.filter(Exists(newer), at__lt=before).order_by("at", "pk"), most)


def newest() -> list[Failover]:
    return list(Failover.objects.order_by("-at", "-pk")[:SHOWN])
