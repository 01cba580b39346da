from __future__ import annotations

from django.apps import AppConfig


class EstateConfig(AppConfig):
    name = "estate"

    def ready(self) -> None:
        from estate import checks, reading  # noqa: F401  (checks registers itself)
        from people import permissions
        from people.notifications import hours
        from remote import observing

        permissions.register_least_role(reading.least_role)
        hours.register_zone(lambda: reading.current().time_zone)
        permissions.register_environments(reading.environment_names)
        observing.register(reading.wants_observing)
