from __future__ import annotations

from django.apps import AppConfig


class OpsConsoleConfig(AppConfig):
    name = "opsconsole"

    def ready(self) -> None:
        from opsconsole import checks  # noqa: F401  (registers the checks)
        from people import outside, retention
        from runs import periodic

        periodic.register("audit head", 300, outside.send_head)
        periodic.register("audit trail verified", 86_400, outside.verify)
        periodic.register("persons forgotten", 86_400, retention.forget)
