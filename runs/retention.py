"""What ends with time: each package says what it keeps for a number of days, and how the oldest of it is removed.

The scheduler does it once an hour, a few rows in a transaction, so that nobody waits for it. Runs, their plans, steps and effects, and the
audit trail are kept for ever. Nothing is removed that is younger than the oldest run that is not over: one that is under way, waits for a
person, or failed and still holds its lock may need all that was seen since it was asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q
from django.db.models.functions import Length
from django.utils import timezone

from people import audit
from people.models import AuditEntry
from runs.models import LogChunk, LogHead, Run

logger = logging.getLogger(__name__)

EVERY = 3600.0
FEWEST = 60  # days: AWS goes on telling of the last six weeks, and what was removed would come again
MOST = 36_500  # days; beyond that the calendar ends
AT_ONCE = 500  # rows in one transaction
LONGEST = 20.0  # seconds for one kind in one round; what is left comes in the next
_NOT_OVER = Q(state__in=Run.ACTIVE) | Q(holds_lock=True)
_LOGS_AT_ONCE = 50  # runs
_ALL = "what is kept for a number of days"


@dataclass(frozen=True, slots=True)
class Kind:
    """`remove(before, most)` removes at most so many rows of before that moment, and says how many those were; 0: none is left."""

    name: str
    setting: str  # the days, in the settings; 0: for ever
    tables: tuple[str, ...]
    remove: Callable[[datetime, int], int]

    @property
    def days(self) -> int:
        return int(getattr(settings, self.setting))


_registered: dict[str, Kind] = {}


def register(name: str, setting: str, tables: tuple[str, ...], remove: Callable[[datetime, int], int]) -> None:
    _registered[name] = Kind(name, setting, tables, remove)


def registered() -> list[Kind]:
    return list(_registered.values())


def tidy() -> dict[str, int]:
    """How many rows of each kind went. Asked again it finds nothing more. What fails with one kind is raised when all had their turn."""
    now, gone, failed = timezone.now(), dict[str, int](), list[Exception]()
    for kind in registered():
        if kind.days < FEWEST:
            continue
        try:
            gone[kind.name] = _remove(kind, now - timedelta(days=kind.days))
        except Exception as error:  # noqa: BLE001 -- raised below
            error.add_note(f"It was the turn of: {kind.name}.")
            failed.append(error)
    if failed:
        raise ExceptionGroup("Not everything could be removed after its time", failed)
    return gone


def _remove(kind: Kind, before: datetime) -> int:
    gone, ends = 0, time.monotonic() + LONGEST
    while time.monotonic() < ends:
        with transaction.atomic():
            removed = kind.remove(_bounded(before), AT_ONCE)
            if removed and not gone:  # in the transaction that removes the first of them: none goes unwritten
                _record()
        gone += removed
        if not removed:
            break
    if gone:
        logger.info("%s: %s rows of before %s are removed", kind.name, gone, before.isoformat())
    return gone


def _record() -> None:
    """One row a day for all kinds, and another where what is kept for how long has changed since."""
    facts = {kind.name: f"{kind.days} days" for kind in registered() if kind.days >= FEWEST}
    told = AuditEntry.objects.filter(action="clean up", target=_ALL).order_by("-number").first()
    if told is None or told.time < timezone.now() - timedelta(days=1) or told.facts != facts:
        audit.record("clean up", by=None, target=_ALL, facts=facts)


def _bounded(before: datetime) -> datetime:
    oldest = Run.objects.filter(_NOT_OVER).aggregate(oldest=Min("created"))["oldest"]
    return min(before, oldest) if oldest else before


def remove_lines(before: datetime, most: int) -> int:
    """The first lines of the oldest logs. Numbers stay what they are; `LogHead.first` says from where on there is something to read."""
    over = Run.objects.exclude(_NOT_OVER).filter(ended__lt=before)
    heads = list(
        LogHead.objects.select_for_update(of=("self",)).filter(run__in=over, first__lt=F("next_seq")).order_by("run_id")[:_LOGS_AT_ONCE]
    )
    chunks = list(
        LogChunk.objects.filter(run__in=[head.pk for head in heads])
        .order_by("run_id", "seq_first")
        .values_list("pk", "run_id", "seq_last", Length("text"))[:most]
    )
    reaches, sizes = {run: last for _, run, last, _ in chunks}, dict.fromkeys([head.pk for head in heads], 0)
    for _, run, _, size in chunks:
        sizes[run] += size
    for head in heads:
        if len(chunks) < most or head.pk < chunks[-1][1]:  # all of it was among them
            head.first, head.bytes = head.next_seq, 0
        elif head.pk in reaches:
            head.first, head.bytes = reaches[head.pk] + 1, max(0, head.bytes - sizes[head.pk])
    LogHead.objects.bulk_update(heads, ["first", "bytes"])
    LogChunk.objects.filter(pk__in=[key for key, *_ in chunks]).delete()
    return len(chunks) or len(heads)
