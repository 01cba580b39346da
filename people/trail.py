"""Looking things up in the audit trail, and taking it away: newest first, a page at a time, or all of it line by line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from people.models import AuditEntry

COLUMNS = ("number", "time", "who", "origin", "action", "target", "why", "result", "run", "facts", "digest")
_ACTIONS = """
    WITH RECURSIVE found(action) AS (
        SELECT MIN(action) FROM audit_entry
        UNION ALL
        SELECT (SELECT MIN(action) FROM audit_entry WHERE action > found.action) FROM found WHERE found.action IS NOT NULL
    )
    SELECT action FROM found WHERE action IS NOT NULL ORDER BY action
"""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # by which a spreadsheet takes a cell for a formula


@dataclass(frozen=True, slots=True)
class Asked:
    """ "" is any. `contains` is looked for in target, reason and action."""

    who: str = ""
    action: str = ""
    result: str = ""
    run: int | None = None
    contains: str = ""


def found(asked: Asked, *, before: int | None = None) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.all()
    for name in ("who", "action", "result"):
        if value := getattr(asked, name):
            rows = rows.filter(**{name: value})
    if asked.run is not None:
        rows = rows.filter(run=asked.run)
    if asked.contains:
        text = asked.contains
        rows = rows.filter(Q(target__icontains=text) | Q(why__icontains=text) | Q(action__icontains=text) | Q(origin__icontains=text))
    return rows.filter(number__lt=before) if before is not None else rows


def actions() -> list[str]:
    """Every action that there is, by name, from one look into the index for each: DISTINCT would read every row."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [name for (name,) in cursor.fetchall()]


def as_json_lines(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    """One object a line; whatever is not plain is escaped, so that no value makes a line of its own."""
    for row in rows.iterator(2000):
        yield json.dumps(_values(row), ensure_ascii=True) + "\n"


def as_csv(rows: QuerySet[AuditEntry]) -> Iterator[str]:
    yield _line(COLUMNS)
    for row in rows.iterator(2000):
        values = _values(row)
        values["facts"] = json.dumps(values["facts"], ensure_ascii=True) if values["facts"] else ""
        yield _line(tuple(_harmless(values[name]) for name in COLUMNS))


def _values(row: AuditEntry) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in COLUMNS}, "time": row.time.isoformat()}


def _line(values: tuple[Any, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
