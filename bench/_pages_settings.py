"""The console's settings, and two addresses more: an empty view, and the floor page."""

from __future__ import annotations

from opsconsole.settings import *  # noqa: F403

ROOT_URLCONF = "bench._pages_urls"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
