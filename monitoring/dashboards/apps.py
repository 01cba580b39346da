from __future__ import annotations

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "monitoring.dashboards"

    def ready(self) -> None:
        from monitoring.dashboards import watching
        from runs import periodic

        periodic.register("dashboards", 1, watching.watch)
