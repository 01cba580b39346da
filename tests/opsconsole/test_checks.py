"""Unsafe settings are refused before anything starts; each refusal has a twin that is accepted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django.fixtures import Settings

from opsconsole import checks
from opsconsole.checks import console_settings, require_sound_settings


@pytest.mark.parametrize(
    ("name", "good", "bad", "said"),
    [
        ("ALLOWED_HOSTS", ["testserver"], [], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["testserver", "127.0.0.1"], ["testserver", "*"], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["testserver"], [".client.url"], "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", ["ops.client.url", "testserver"], ["ops.client.url"], "does not name testserver"),
        ("SITE_URL", "https://ops.client.url", "*", "exactly that origin"),
        ("SITE_URL", "http://localhost:8000", "localhost:8000", "exactly that origin"),
        ("SITE_URL", "https://ops.client.url:8443", "https://ops.client.url/console", "exactly that origin"),
        ("REDIS_URL", "rediss://:secret@valkey:6379/0", "redis://valkey:6379/0", "without a password"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0", "without a password"),
        ("REDIS_URL", "unix:///data/valkey?db=0", "redis://[2001:db8::1]:6379/0", "without a password"),
        ("REDIS_URL", "redis://:secret@localhost", "localhost:6379", "none of Redis"),
        ("LIVE_REDIS_URLS", [], ["valkey:6379"], "none of Redis"),
        ("LIVE_REDIS_URLS", ["redis://:a@127.0.0.1:6379"], ["redis://:a@127.0.0.1:port"], "none of Redis"),
        ("LIVE_REDIS_URLS", ["unix:///data/one", "unix:///data/two"], ["unix:///data/one", "unix://"], "without a host"),
        ("LIVE_REDIS_URLS", ["rediss://:a@one", "redis://:b@two"], ["rediss://:a@one", "redis://two"], "names two without a password"),
        (
            "LIVE_REDIS_URLS",
            ["redis://:a@one:1/0", "redis://:a@one:2/0"],
            ["redis://:a@one:1/0", "redis://:b@one:1/1"],
            "one:1 more than once",
        ),
        ("RQ_QUEUES", {"runs": {"SERIALIZER": "rq.serializers.JSONSerializer"}}, {"runs": {}}, "do not use JSON"),
        ("TRUSTED_PROXY", ["10.0.1.7", "10.0.2.0/24"], ["10.0.1.7", "*"], "from where a request comes"),
        ("TRUSTED_PROXY", ["2001:db8::7"], ["0.0.0.0/0"], "from where a request comes"),
        ("TRUSTED_PROXY", [], ["proxy.client.url"], "from where a request comes"),
        ("KEEP_LOG_DAYS", 60, 59, "fewer days than AWS"),
        ("KEEP_ALARM_DAYS", 0, -1, "fewer days than AWS"),
        ("KEEP_EVENT_DAYS", 36_500, 36_501, "more days than there are"),
        ("SENTRY_DSN", "https://key@sentry.client.url/7", "https://sentry.client.url/7", "no address"),
        ("SENTRY_DSN", "https://key@o1.sentry.client.url:9000/under/7", "https://key@sentry.client.url/seven", "no address"),
        ("SENTRY_DSN", "http://key@127.0.0.1:9000/7", "http://key@sentry.client.url/7", "no address"),
        ("SENTRY_DSN", "", "https://key@sentry.client.url:port/7", "no address"),
        ("RQ_QUEUES", {}, {"runs": {"SERIALIZER": "rq.serializers.DefaultSerializer"}}, "do not use JSON"),
    ],
)
def test_an_unsafe_setting_is_refused(settings: Settings, name: str, good: Any, bad: Any, said: str) -> None:
    settings.ALLOWED_HOSTS = ["ops.client.url", "testserver", "localhost"]
    setattr(settings, name, good)
    require_sound_settings()
    setattr(settings, name, bad)
    [message] = console_settings()
    assert said in message.msg
    with pytest.raises(ImproperlyConfigured, match=name):
        require_sound_settings()


def test_each_refusal_has_a_number_of_its_own() -> None:
    numbers = re.findall(r'id="(console\.\w+)"', Path(checks.__file__).read_text())
    assert numbers
    assert sorted(numbers) == sorted(set(numbers))


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        here = before + str(pattern.pattern)
        found += routes(pattern.url_patterns, here) if isinstance(pattern, URLResolver) else [here]
    return found


def test_neither_the_queues_pages_nor_the_admin_site_are_mounted() -> None:
    known = routes(get_resolver().url_patterns)
    assert any(route.startswith("api/v1/") for route in known)
    assert not [route for route in known if "rq" in route.split("/") or "django-rq" in route or route.startswith("admin")]


@pytest.mark.parametrize("command", ["worker", "scheduler"])
def test_who_serves_no_page_imports_none_and_is_checked_all_the_same(command: str) -> None:
    asked = (
        "import sys, django; django.setup()\n"
        "from django.core.management import load_command_class\n"
        f"made = load_command_class('runs', '{command}')\n"
        "made.check(tags=made.requires_system_checks)\n"
        "print(sorted(name for name in sys.modules if name in ('opsconsole.urls', 'allauth.urls')))"
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "opsconsole.settings", "SITE_URL": "http://localhost:8000"}
    good, refused = (
        subprocess.run(
            [sys.executable, "-c", asked], env=env | more, cwd=django_settings.BASE_DIR, capture_output=True, text=True, check=False
        )
        for more in ({}, {"SITE_URL": "ftp://x"})
    )
    assert good.stdout.splitlines()[-1:] == ["[]"], good.stderr
    assert "console.E002" in refused.stderr
