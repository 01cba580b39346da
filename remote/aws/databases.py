"""RDS: snapshots of a database, asked for and looked at. What the databases are is read elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.session import Patience, ask, tell
from remote.errors import NotFound

_SERVICE = "rds"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`status`: creating, available, failed, …"""

    name: str
    database: str
    status: str


def create_snapshot(database: str, name: str, *, patience: Patience | None = None) -> None:
    """Returns at once; it is taken in the background. Raises AlreadyExists where the name is taken, NotFound for an unknown database."""
    tell(_SERVICE, "create_db_snapshot", patience=patience, DBInstanceIdentifier=database, DBSnapshotIdentifier=name)


def snapshot(name: str, *, patience: Patience | None = None) -> Snapshot | None:
    """None where there is none of that name."""
    try:
        found = ask(_SERVICE, "describe_db_snapshots", patience=patience, DBSnapshotIdentifier=name)["DBSnapshots"]
    except NotFound:
        return None
    return next((Snapshot(each["DBSnapshotIdentifier"], each["DBInstanceIdentifier"], each.get("Status", "")) for each in found), None)
