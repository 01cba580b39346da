"""What grows with the years, how much of it there is (as the database itself reckons, without counting), and how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from runs import retention

FOR_EVER = "for ever"
TABLES = {
    "run": "runs",
    "plan": "plans",
    "effect": "effects",
    "log_chunk": "pieces of logs",
    "evidence": "files copied from hosts",
    "audit_entry": "rows of the audit trail",
    "alarm_transition": "transitions of alarms",
    "beanstalk_event": "events of Beanstalk",
    "shop_answer": "answers of shops",
    "failover": "failovers",
    "claim_change": "changes of claims",
    "notification": "notifications",
    "notification_delivery": "deliveries of notifications",
    "django_session": "sessions",
}


@dataclass(frozen=True, slots=True)
class Size:
    """`rows` are about so many. `bytes` with its indexes; None where the database does not say it by table."""

    name: str
    rows: int
    bytes: int | None
    kept: str
    setting: str  # "": none changes it


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
            cursor.execute(" UNION ALL ".join(_reckoned(table) for table in TABLES))
        kept = _kept()
        found = [Size(TABLES[table], int(rows), size, *kept.get(table, (FOR_EVER, ""))) for table, rows, size in cursor.fetchall()]
    return sorted(found, key=lambda each: (each.bytes or 0, each.rows), reverse=True)


def _reckoned(table: str) -> str:
    """The newest row's number less the oldest's: what was removed were the oldest."""
    newest, oldest = f"(SELECT max(rowid) FROM {table})", f"(SELECT min(rowid) FROM {table})"  # noqa: S608  (names of ours)
    return f"SELECT '{table}', coalesce({newest} - {oldest} + 1, 0), NULL"  # in one SELECT the two would read the whole table


def _kept() -> dict[str, tuple[str, str]]:
    found = {
        "audit_entry": (f"{FOR_EVER}; who it was, {settings.PERSON_DAYS} days", "PERSON_DAYS"),
        "django_session": ("at most a day after they end", ""),
    }
    for kind in retention.registered():
        days = f"{kind.days} days" if kind.days else FOR_EVER
        found |= dict.fromkeys(kind.tables, (days, kind.setting))
    return found
