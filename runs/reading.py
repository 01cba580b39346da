"""Reading the log of a run: from a number on, of one host, with a word in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from runs.models import LogChunk, LogHead

AT_MOST = 10_000
# Words by which people look for what went wrong. A place to jump to, never a verdict.
_ERROR = re.compile(r"(?i)\b(error|exception|fatal|failed|failure|denied|traceback|segmentation fault|no such file|not found)\b")


@dataclass(frozen=True, slots=True)
class Line:
    seq: int
    time: datetime
    host: str
    text: str


def read(run: int, after: int = 0, limit: int = 1000, *, host: str = "", contains: str = "") -> list[Line]:
    """Lines with numbers above `after`, in their order. `contains` ignores case."""
    wanted = contains.casefold()
    found: list[Line] = []
    for line in lines(run, after, host=host):
        if not wanted or wanted in line.text.casefold():
            found.append(line)
            if len(found) >= min(limit, AT_MOST):
                break
    return found


def lines(run: int, after: int = 0, *, host: str = "") -> Iterator[Line]:
    """All of them, as a stream: nothing is held in memory but one chunk after the other."""
    for chunk in _chunks(run, after, host).iterator(chunk_size=50):
        for number, text in enumerate(chunk.text.split("\n"), chunk.seq_first):
            if number > after:
                yield Line(number, chunk.time, chunk.host, text)


def chunks(run: int, after: int, *, most: int = 64) -> list[LogChunk]:
    """As they are stored, for those who show all of it. The first may begin at or below `after`."""
    return list(_chunks(run, after, "")[:most])


def first_number(run: int) -> int:
    """Lines below this one were removed after their time; above `last_number` where none is left."""
    return LogHead.objects.filter(run_id=run).values_list("first", flat=True).first() or 1


def last_number(run: int) -> int:
    """Every line up to this one is stored and visible."""
    next_seq = LogHead.objects.filter(run_id=run).values_list("next_seq", flat=True).first()
    return (next_seq or 1) - 1


def first_error(run: int, *, host: str = "", after: int = 0) -> Line | None:
    """The first line that has one of the words by which people look for errors."""
    for line in lines(run, after, host=host):
        if _ERROR.search(line.text):
            return line
    return None


def hosts(run: int) -> list[str]:
    return sorted(LogChunk.objects.filter(run_id=run).order_by().values_list("host", flat=True).distinct())


def _chunks(run: int, after: int, host: str) -> QuerySet[LogChunk]:
    found = LogChunk.objects.filter(run_id=run, seq_last__gt=after).order_by("seq_first")
    return found.filter(host=host) if host else found
