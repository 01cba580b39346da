from __future__ import annotations

import os

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"

    def ready(self) -> None:
        from people import audit
        from runs import redact

        audit.register_cleaner(redact.redact)
        redact.know_those_of(os.environ)
