"""The checklist names tests that exist, and behind https the console is as strict as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CHECKLIST = ROOT / "docs/security/asvs.md"


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", CHECKLIST.read_text(encoding="utf-8")))
    there = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    assert not named - there


def test_no_line_is_without_a_test_or_a_reason() -> None:
    rows = [line for line in CHECKLIST.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d", line)]
    assert len(rows) > 40
    assert not [row for row in rows if "`test_" not in row and "not by a test:" not in row]


def checked(**environment: str) -> tuple[int, str]:
    """What `check --deploy` says of these settings, in a process of its own."""
    strict = {"SECRET_KEY": "k3y-" + "aB9_xY7-" * 9, "SITE_URL": "https://ops.client.example", "ALLOWED_HOSTS": "ops.client.example"}
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "SECOND_FACTOR": "on",
        "AUDIT_KEY": "x" * 40,
        **strict,
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_behind_https_everything_is_strict() -> None:
    code, said = checked()
    assert code == 0, said


@pytest.mark.parametrize(
    "environment, said",
    [
        ({"SECOND_FACTOR": "off"}, "SECOND_FACTOR is off"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is short"),
        ({"REDIS_URL": "redis://redis.internal:6379/0"}, "without a password"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is empty"),
        ({"DEBUG": "on"}, "DEBUG"),
    ],
    ids=str,
)
def test_what_is_not_is_refused_by_name(environment: dict[str, str], said: str) -> None:
    code, told = checked(**environment)
    assert code != 0
    assert said in told
