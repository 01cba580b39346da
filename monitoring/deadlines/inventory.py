"""What ends, as far as the inventory knows: imported certificates, snapshots that grow old, domains, the bucket for temporary files.

Read from the inventory's rows, which say when AWS last answered; nothing here asks AWS.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from estate import deadlines
from estate.deadlines import Deadline
from monitoring.listed import listed

SNAPSHOT_AFTER = timedelta(hours=26)  # one a day, and two hours for AWS's window
TEMPORARY_FOR = timedelta(days=30)
TEMPORARY = "temp"  # part of the name of the bucket that nothing of worth may lie in
EVERY = 300.0


def register() -> None:
    deadlines.register("Certificates, in both regions", certificates, every=EVERY)
    deadlines.register("Snapshots of the databases", snapshots, every=EVERY)
    deadlines.register("Registration of domains", domains, every=EVERY)
    deadlines.register("Bucket of temporary files", temporary_files, every=EVERY)


def certificates() -> Iterable[Deadline]:
    """Those that nobody renews: imported ones, and whatever ACM calls ineligible."""
    for row in listed("certificate"):
        if row.facts.get("type") != "IMPORTED" and row.facts.get("renewal") == "ELIGIBLE":
            continue
        used = len(row.facts.get("used_by") or ())
        why = f"Imported into {row.facts.get('region')}: nobody renews it by itself. Used in {used} places."
        yield Deadline(row.key, "certificate", f"Certificate {row.name}", _time(row.facts.get("ends")), "", why, 60, 14)


def snapshots() -> Iterable[Deadline]:
    """When the newest automated snapshot of each database will be older than it may be."""
    newest: dict[str, datetime] = {}
    for row in listed("database-snapshot"):
        taken = _time(row.facts.get("taken"))
        if row.facts.get("automated") and taken is not None:
            name = str(row.facts.get("database"))
            newest[name] = max(taken, newest.get(name, taken))
    for database in listed("database"):
        taken = newest.get(database.key)
        why = f"The newest is of {taken:%d %b %H:%M} UTC." if taken else "There is no automated snapshot at all."
        due = taken + SNAPSHOT_AFTER if taken else None
        yield Deadline(database.key, "snapshot", f"The newest snapshot of {database.name} grows too old", due, "", why, 0.05, 0)


def domains() -> Iterable[Deadline]:
    for row in listed("domain"):
        renewed = row.facts.get("auto_renew")
        why = "AWS renews it by itself, as long as the payment works." if renewed else "Nobody renews it by itself."
        yield Deadline(row.key, "domain", f"Registration of {row.name}", _time(row.facts.get("ends")), "", why, 14 if renewed else 60, 7)


def temporary_files() -> Iterable[Deadline]:
    """Nothing there may be needed; what lies for a month was forgotten."""
    for row in listed("bucket"):
        oldest = _time(row.facts.get("oldest"))
        if TEMPORARY not in row.name or oldest is None:
            continue
        files = "1 file" if (count := row.facts.get("objects")) == 1 else f"{count} files"
        why = f"{files}, the oldest of {oldest:%d %b %Y}. Nothing there may be needed: delete what is over."
        yield Deadline(row.key, "temporary files", f"{row.name} is to be cleared", oldest + TEMPORARY_FOR, "", why, 7, 0)


def _time(iso: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(iso)) if iso else None
    except ValueError:
        return None
