"""What grows with the years, and how much of it there is: as the database itself reckons, without counting."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

TABLES = {
    "run": "runs",
    "plan": "plans",
    "log_chunk": "pieces of logs",
    "effect": "effects",
    "audit_entry": "rows of the audit trail",
    "alarm_transition": "transitions of alarms",
    "beanstalk_event": "events of Beanstalk",
    "shop_answer": "answers of shops",
}


@dataclass(frozen=True, slots=True)
class Size:
    """`rows` are about so many. `bytes` with its indexes; None where the database does not say it by table."""

    name: str
    rows: int
    bytes: int | None


def sizes() -> list[Size]:
    """One query. The largest first."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname = ANY(%s)",
                [list(TABLES)],
            )
        else:
            cursor.execute(" UNION ALL ".join(f"SELECT '{table}', coalesce(max(rowid), 0), NULL FROM {table}" for table in TABLES))  # noqa: S608
        found = [Size(TABLES[table], int(rows), size) for table, rows, size in cursor.fetchall()]
    return sorted(found, key=lambda each: (each.bytes or 0, each.rows), reverse=True)
