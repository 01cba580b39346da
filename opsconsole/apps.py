from __future__ import annotations

from django.apps import AppConfig


class OpsConsoleConfig(AppConfig):
    name = "opsconsole"

    def ready(self) -> None:
        from opsconsole import checks  # noqa: F401  (registers the checks)
