"""What is deployed by hand: its journal, its instance and volumes as EC2 has them, its ports through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments import by_hand, doors
from deployments.models import HandChange
from estate.reading import current
from people.models import AuditEntry, Operator
from people.permissions import Forbidden
from remote.ssh import ports as answered
from runs.actions import NotNow
from tests import box

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.SSH_CONFIG = sandbox["ssh_config"]
    settings.SSH_BROKER = ""
    doors.door.cache_clear()
    doors.runner.cache_clear()
    found = box.Control(sandbox)
    found.clear()
    doors.runner().install("gateway")
    yield found
    found.clear()
    found.close()
    doors.door().close()
    doors.door.cache_clear()
    doors.runner.cache_clear()


def test_the_instance_its_volumes_and_its_ports_are_looked_at(control: box.Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answered, "DEADLINE", 120.0)  # on a busy machine one that cannot be asked in time is unknown, and rightly
    thing = current().by_hand["windows"]
    seen = by_hand.look(thing)
    assert seen.instance is not None
    assert (seen.instance.state, len(seen.volumes)) == ("running", thing.volumes)
    assert {row.port.state for row in by_hand.ask_ports(thing)} == {"open"}
    control.fault("port-closed", port="3389")
    after = {row.port.number: row.port.state for row in by_hand.ask_ports(thing)}
    assert {number for number, state in after.items() if state == "closed"} == {3389}
    assert set(after.values()) == {"open", "closed"}


def test_a_gateway_that_cannot_be_asked_is_unknown_and_not_closed(control: box.Control) -> None:
    control.fault("host-key-changed", "gateway")
    doors.door().close()
    rows = by_hand.ask_ports(current().by_hand["windows"])
    assert {row.port.state for row in rows} == {"unknown"}
    assert all(row.port.said for row in rows)


def test_a_change_is_noted_with_who_what_when_and_why(operator: Operator, viewer: Operator) -> None:
    thing = current().by_hand["windows"]
    change = by_hand.note_change(thing, what="Installed update 4.2", why="the supplier asked for it", by=operator)
    assert (change.by, change.key) == (operator, "windows")
    assert AuditEntry.objects.filter(action="note").count() == 1
    with pytest.raises(Forbidden):
        by_hand.note_change(thing, what="x", why="y", by=viewer)
    for what, why in (("", "y"), ("x", " "), ("x" * 2001, "y")):
        with pytest.raises(NotNow):
            by_hand.note_change(thing, what=what, why=why, by=operator)
    with pytest.raises(NotNow, match="ahead"):
        by_hand.note_change(thing, what="x", why="y", at=timezone.now() + timedelta(days=1), by=operator)
    assert HandChange.objects.count() == 1


def test_the_pages(control: box.Control, client: Client, operator: Operator, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "Custom Application" in client.get("/services/").content.decode()
    page = client.get("/by-hand/windows/").content.decode()
    assert "Nothing has been noted yet" in page
    assert "GiB" in page
    assert "open" in client.get("/by-hand/windows/ports").content.decode()
    assert client.post("/by-hand/windows/note/", {"what": "x", "why": "y"}).status_code == 403
    assert client.get("/by-hand/windows/note/").status_code == 405
    assert client.get("/by-hand/nothing/").status_code == 404
    client.force_login(operator)
    assert client.post("/by-hand/windows/note/", {"what": "x", "why": ""}).status_code == 422
    assert client.post("/by-hand/windows/note/", {"what": "x", "why": "y", "at": "tomorrow"}).status_code == 422
    assert client.post("/by-hand/windows/note/", {"what": "<b>update</b>", "why": "asked", "at": "2026-11-20T10:00"}).status_code == 302
    assert "&lt;b&gt;update&lt;/b&gt;" in client.get("/by-hand/windows/").content.decode()
