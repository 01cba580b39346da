"""README's table of variables, held against what the code reads."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("opsconsole", "handover", "deployments", "monitoring", "runs", "estate", "people", "remote", "live")
# Read by boto3, httpx, git and ssh themselves, or by every program.
STANDARD = {"AWS_*", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"}
ORDINARY = {"AWS_ENDPOINT_URL", "USER", "HOME", "PATH", "TMPDIR", "DJANGO_SETTINGS_MODULE"}


def table() -> dict[str, str]:
    """Name to the cell of its default."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [_, behind] = readme.split("| Variable | Default | Meaning |\n|---|---|---|\n")
    rows = [line.split(" | ") for line in behind.split("\n\n")[0].strip().splitlines()]
    return {name: row[1] for row in rows for name in re.findall(r"`([A-Z_*]+)`", row[0])}


def read_by_settings() -> dict[str, str]:
    text = (ROOT / "opsconsole/settings.py").read_text(encoding="utf-8")
    return {match[1]: match[2] for match in re.finditer(r'env\.\w+\("([A-Z_]+)"(?:, default=([^\n]*?)\)(?=[\s,)}]))?', text)}


def test_every_variable_that_is_read_stands_in_the_table_and_nothing_else() -> None:
    assert set(table()) - STANDARD == set(read_by_settings())
    assert set(table()) >= STANDARD


def test_the_numbers_in_the_table_are_the_defaults() -> None:
    read, said = read_by_settings(), table()
    numbers = {name: float(default) for name, default in read.items() if default and re.fullmatch(r"[0-9.]+", default)}
    assert len(numbers) >= 5
    assert {name: float(said[name]) for name in numbers} == numbers


def test_nothing_else_is_read_from_the_environment() -> None:
    known = set(table()) | ORDINARY
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for name in re.findall(r'environ(?:\.get\(|\[)"([A-Za-z_]+)"', path.read_text(encoding="utf-8")):
                assert name in known, f"{path.relative_to(ROOT)} reads {name}"
