"""RDS: what the databases are, and their snapshots, asked for and looked at."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.found import PATIENCE, Found
from remote.aws.session import Patience, ask, ask_all, tell
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


def databases() -> list[Found]:
    return [
        Found(
            "database",
            raw["DBInstanceIdentifier"],
            raw["DBInstanceIdentifier"],
            {
                "status": raw["DBInstanceStatus"],
                "class": raw["DBInstanceClass"],
                "engine": f"{raw['Engine']} {raw.get('EngineVersion', '')}".strip(),
                "multi_az": raw.get("MultiAZ", False),
                "zone": raw.get("AvailabilityZone", ""),
                "source": raw.get("ReadReplicaSourceDBInstanceIdentifier", ""),  # of a read replica
                "standby": raw.get("SecondaryAvailabilityZone", ""),
                "gib": raw.get("AllocatedStorage", 0),
                "retention_days": raw.get("BackupRetentionPeriod", 0),
                "public": raw.get("PubliclyAccessible", False),
                "encrypted": raw.get("StorageEncrypted", False),
                "endpoint": raw.get("Endpoint", {}).get("Address", ""),
                "vpc": raw.get("DBSubnetGroup", {}).get("VpcId", ""),
                "groups": sorted(each["VpcSecurityGroupId"] for each in raw.get("VpcSecurityGroups", ())),
            },
        )
        for raw in ask_all("rds", "describe_db_instances", "DBInstances", patience=PATIENCE)
    ]


def snapshots() -> list[Found]:
    return [
        Found(
            "database-snapshot",
            raw["DBSnapshotIdentifier"],
            raw["DBSnapshotIdentifier"],
            {
                "database": raw["DBInstanceIdentifier"],
                "automated": raw.get("SnapshotType") == "automated",
                "status": raw.get("Status", ""),
                "taken": raw["SnapshotCreateTime"].isoformat() if raw.get("SnapshotCreateTime") else "",
            },
        )
        for raw in ask_all("rds", "describe_db_snapshots", "DBSnapshots", patience=PATIENCE)
    ]
