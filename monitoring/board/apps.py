from __future__ import annotations

from django.apps import AppConfig


class BoardConfig(AppConfig):
    name = "monitoring.board"
    label = "health_board"

    def ready(self) -> None:
        from monitoring.board import checking, checks, failovers, inventory_checks
        from runs import periodic, retention

        checks.register()
        inventory_checks.register()
        failovers.register()
        periodic.register("health board", checking.EVERY, checking.refresh)
        retention.register("failovers", "KEEP_OBSERVATION_DAYS", ("failover",), failovers.remove)
