"""The VPN host and the gateway of the estate in a box, mended and as they were, with the console's own programs on them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from access import place, programs
from access.models import VpnUser
from access.vpn import actions, observe
from people.models import Operator
from runs import doors
from runs.models import Run
from tests import box
from tests.working import LONG, through


class Grounds:
    """The estate, and what tests do with it."""

    def __init__(self, ready: dict[str, str]) -> None:
        self.ready = ready
        self.control = box.Control(ready)
        self.host = Path(ready["ssh_config"]).parents[1] / "hosts/openvpn"

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control._http.get("/sim/state").json()["vpn"]
        return found

    def connected(self) -> set[str]:
        return {each["name"] for each in self.state()["sessions"]}

    def through(self, run: Run | None) -> Run:
        """Worked on until it has ended, or waits for somebody."""
        assert run is not None
        return through(run)

    def done(self, run: Run | None) -> Run:
        found = self.through(run)
        assert found.state == Run.State.SUCCEEDED, found.said
        return found

    def user(self, by: Operator, name: str = "", **more: Any) -> VpnUser:
        """A user that is valid, with a name of its own."""
        made = self.create(by, name, **more)
        self.done(made.run)
        made.refresh_from_db()
        return made

    def create(self, by: Operator, name: str = "", *, expires: datetime | None = None, person: str = "Jane Doe") -> VpnUser:
        return actions.create_user(
            name=name or a_name(), person=person, reason="warehouse shift", expires=expires or timezone.now() + timedelta(days=300), by=by
        )

    def until(self, holds: Callable[[], object], what: str) -> None:
        end = time.monotonic() + LONG
        while not holds():
            assert time.monotonic() < end, what
            time.sleep(0.1)


def a_name() -> str:
    """One that no other test has used in the same estate."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def grounds(sandbox: dict[str, str], settings: Settings, tmp_path: Path, db: None) -> Iterator[Grounds]:
    settings.SSH_CONFIG = sandbox["ssh_config"]
    settings.SSH_BROKER = ""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.TICK_SECONDS = 1.5
    for cache in (doors.door, doors.runner):
        cache.cache_clear()
    found = Grounds(sandbox)
    found.control.clear()
    found.control.act("vpn-mend")
    where = place.find("openvpn")
    doors.runner().install(where.ip)
    programs.install("vpn", where.ip)
    observe.observe()
    yield found
    found.control.act("vpn-mend")
    found.control.close()
    doors.door().close()
    for cache in (doors.door, doors.runner):
        cache.cache_clear()
