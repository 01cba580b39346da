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

    def _finish(self, snapshot: models.DBSnapshot) -> None:
        self.world.clock.sleep(DURATIONS.snapshot)
        snapshot.status = "available"


def install(world: World) -> None:
    """Puts this back end in the place of moto's; before the first request."""
    Databases.world = world
    models.rds_backends.backend = Databases
