from __future__ import annotations

from django.apps import AppConfig


class OpsConsoleConfig(AppConfig):
    name = "opsconsole"
