from __future__ import annotations

from django.apps import AppConfig


class OpsConsoleConfig(AppConfig):
    name = "opsconsole"

    def ready(self) -> None:
        from django.conf import settings

        from opsconsole import checks  # registers them, too
        from people import outside, retention
        from runs import periodic

        periodic.register("audit head", 300, outside.send_head)
        periodic.register("audit trail verified", 86_400, outside.verify)
        periodic.register("persons forgotten", 86_400, retention.forget)
        if checks.names_a_sentry(settings.SENTRY_DSN):
            from opsconsole import sentry

            sentry.begin()
