"""RDS, as moto has it, with snapshots that take their time.

Lives here: when a snapshot that somebody asked for is available. Which databases there are stands in `sandbox.aws.inventory`.
"""

from __future__ import annotations

import threading
from typing import Any

from moto.rds import models, urls

from sandbox.durations import DURATIONS
from sandbox.world import World


class Databases(models.RDSBackend):
    """`world` is set by `install`, before the first request."""

    world: World

    @property
    def _url_module(self) -> Any:
        return urls

    def create_db_snapshot(self, db_instance_identifier: str, db_snapshot_identifier: str, *args: Any, **kwargs: Any) -> models.DBSnapshot:
        snapshot = super().create_db_snapshot(db_instance_identifier, db_snapshot_identifier, *args, **kwargs)
        if snapshot.snapshot_type != "manual":
            return snapshot
        deeds = self.world.deeds
        deeds.end(deeds.begin("CreateDBSnapshot", db_instance_identifier, db_snapshot_identifier))
        snapshot.status = "creating"
        threading.Thread(target=self._finish, args=(snapshot,), name=f"snapshot {db_snapshot_identifier}", daemon=True).start()
        return snapshot

    def fail_over(self, identifier: str) -> None:
        """The standby takes over, as RDS tells it. Raises KeyError, and ValueError where there is no standby."""
        database: Any = self.databases[identifier]
        if not database.multi_az:
            raise ValueError(f"{identifier} has no standby.")
        zones = (database.availability_zone, database.secondary_availability_zone)
        database.secondary_availability_zone, database.availability_zone = zones
        for event in FAILOVER:
            database.add_event(event)

    def _finish(self, snapshot: models.DBSnapshot) -> None:
        self.world.clock.sleep(DURATIONS.snapshot)
        snapshot.status = "available"


# RDS-EVENT-0013, 0015 and 0049, in AWS's own words
FAILOVER = {
    "MULTI_AZ_FAILOVER_START": "Multi-AZ instance failover started.",
    "MULTI_AZ_FAILOVER_DNS": "Multi-AZ failover to standby complete - DNS propagation may take a few minutes.",
    "MULTI_AZ_FAILOVER_FINISH": "Multi-AZ instance failover completed",
}


def install(world: World) -> None:
    """Puts this back end in the place of moto's; before the first request."""
    Databases.world = world
    models.rds_backends.backend = Databases
    models.Event.EVENT_MAP |= {name: {"Categories": ["failover"], "Message": text} for name, text in FAILOVER.items()}
