from __future__ import annotations

import os

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "runs"

    def ready(self) -> None:
        from people import audit
        from runs import periodic, redact, retention

        audit.register_cleaner(redact.redact)
        redact.know_those_of(os.environ)
        retention.register("logs of runs", "KEEP_LOG_DAYS", ("log_chunk",), retention.remove_lines)
        periodic.register("clean-up", retention.EVERY, retention.tidy)
