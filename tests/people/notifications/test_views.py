"""The page Notifications: works, wrong method, stranger refused, bad input; a person's channels are theirs."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from people.models import AuditEntry, Operator
from people.notifications import channels
from people.notifications.models import Channel, Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def named(settings: Settings) -> None:
    settings.NOTIFY_TARGETS = {"team-slack": "slack:https://hooks.slack.com/services/very-secret"}


def add(client: Client, **more: object) -> str:
    asked = {"target": "team-slack", "kinds": ["alarm", "release"], "quiet_from": "22:00", "quiet_until": "07:00"} | more
    return client.post("/notifications/add/", asked, follow=True).content.decode()


def test_a_viewer_adds_tests_pauses_and_removes_a_channel(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "Added." in add(client)
    channel = Channel.objects.get(owner=viewer)
    assert (channel.how, channel.target, channel.kinds) == ("slack", "team-slack", ["alarm", "release"])
    page = client.get("/notifications/").content.decode()
    assert "Slack to team-slack" in page
    assert "very-secret" not in page
    for what, left in (("test", True), ("pause", False), ("resume", True)):
        assert client.post(f"/notifications/{channel.pk}/{what}/").status_code == 302
        channel.refresh_from_db()
        assert channel.enabled is left
    assert Delivery.objects.get().notification.title == "Test of Slack to team-slack"
    client.post(f"/notifications/{channel.pk}/remove/")
    assert not Channel.objects.exists()
    assert AuditEntry.objects.filter(action__startswith="notification channel").count() == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"target": "https://evil.example"}, "There is no target"),
        ({"kinds": []}, "Choose of what it tells"),
        ({"quiet_until": ""}, "Quiet hours need two times"),
        ({"quiet_from": "25:00"}, "Quiet hours need two times"),
    ],
)
def test_bad_input_is_said(wrong: dict[str, object], said: str, client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    assert said in add(client, **wrong)
    assert not Channel.objects.exists()


def test_wrong_methods_and_strangers_are_refused(client: Client, viewer: Operator, stranger: Operator, admin: Operator) -> None:
    channel = channels.add_channel("team-slack", ["alarm"], by=admin)
    assert client.get("/notifications/").status_code == 302
    client.force_login(stranger)
    assert client.get("/notifications/").status_code == 403
    assert client.post("/notifications/add/").status_code == 403
    client.force_login(viewer)
    assert client.get("/notifications/add/").status_code == 405
    assert client.get(f"/notifications/{channel.pk}/test/").status_code == 405
    assert client.post(f"/notifications/{channel.pk}/remove/").status_code == 403
    assert client.post("/notifications/99999/remove/").status_code == 404
    assert client.post("/notifications/add/", {"target": "team-slack", "kinds": ["alarm"], "team": "Ops"}).status_code == 403
    client.force_login(admin)
    assert "Added." in add(client, team="Ops")
