"""The console's own settings, for one that has collected no static files and has no tables: sessions are in their cookies."""

from __future__ import annotations

from opsconsole.settings import *  # noqa: F403
from opsconsole.settings import STORAGES

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
