"""The estate in a box, one for each file that asks for it, and a console without Redis that works in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from deployments import doors
from estate import maintenance
from tests import box


@pytest.fixture(scope="module")
def ready(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A file that names a SPEED has its own: on a busy machine a fast box's hosts fail their health checks."""
    speed = getattr(request.module, "SPEED", 300)
    with box.running(tmp_path_factory.mktemp("estate") / "box", speed=speed) as found:
        yield found


@pytest.fixture
def control(ready: dict[str, str], monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[box.Control]:
    for name, value in box.environment(ready).items():
        monkeypatch.setenv(name, value)
    settings.SSH_CONFIG = ready["ssh_config"]
    settings.SSH_BROKER = ""
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"  # a release needs none
    settings.POLL_ACTIVE_SECONDS = 0.4
    settings.TICK_SECONDS = 1.5
    _forget_doors()
    found = box.Control(ready)
    found.clear()
    yield found
    found.clear()
    found.close()
    doors.door().close()
    _forget_doors()


def _forget_doors() -> None:
    for cache in (doors.door, doors.runner, maintenance._runner):
        cache.cache_clear()
