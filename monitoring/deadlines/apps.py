from __future__ import annotations

from django.apps import AppConfig


class DeadlinesConfig(AppConfig):
    name = "monitoring.deadlines"
    label = "room"

    def ready(self) -> None:
        from monitoring.deadlines import inventory, rooms, sources

        sources.register()
        inventory.register()
        rooms.register()
