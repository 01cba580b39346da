"""The three databases on RDS, with the one automated snapshot that a retention of one day leaves of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.rds.models import rds_backends

from sandbox.aws.inventory.network import Network
from sandbox.aws.seed import client
from sandbox.world import ACCOUNT, REGION, World

PRODUCTION, PRE_PRODUCTION, SHARED = "client-magento-prod", "client-magento-preprod", "client-shared"
# identifier, class, GiB, Multi-AZ, security group
DATABASES = (
    (PRODUCTION, "db.r4.4xlarge", 500, True, "client-rds-prod"),
    (PRE_PRODUCTION, "db.r4.large", 100, False, "client-rds-preprod"),
    (SHARED, "db.t3.medium", 50, False, "client-rds-shared"),
)
SNAPSHOT_AGE = timedelta(hours=12, minutes=16)


def fill(endpoint: str, world: World, net: Network) -> None:
    rds = client("rds", endpoint)
    rds.create_db_subnet_group(
        DBSubnetGroupName="client-private", DBSubnetGroupDescription="The private subnets", SubnetIds=list(net.private.values())
    )
    taken = world.clock.now() - SNAPSHOT_AGE
    for identifier, class_, size, multi_az, group in DATABASES:
        rds.create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass=class_,
            Engine="mysql",
            EngineVersion="5.7.44",
            AllocatedStorage=size,
            MultiAZ=multi_az,
            AvailabilityZone=f"{REGION}a",
            BackupRetentionPeriod=1,
            PreferredBackupWindow="01:10-01:40",
            PubliclyAccessible=False,
            DBSubnetGroupName="client-private",
            VpcSecurityGroupIds=[net.groups[group]],
            MasterUsername="admin",
            MasterUserPassword="sandbox-none",
            StorageEncrypted=True,
        )
        _one_snapshot(identifier, taken)
        if multi_az:
            backend().databases[identifier].secondary_availability_zone = f"{REGION}b"


def _one_snapshot(identifier: str, taken: Any) -> None:
    """Moto takes an automated snapshot at the creation, of now; AWS took it last night."""
    for snapshot in backend().describe_db_snapshots(identifier, None, "automated"):
        del backend().database_snapshots[snapshot.db_snapshot_identifier]
    made = backend().create_db_snapshot(identifier, f"rds:{identifier}-{taken:%Y-%m-%d-%H-%M}", snapshot_type="automated")
    made.created = made.original_snapshot_create_time = taken.replace(tzinfo=None)


def backend() -> Any:
    return rds_backends[ACCOUNT][REGION]
