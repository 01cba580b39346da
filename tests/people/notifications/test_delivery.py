"""From what happened to what arrives: over SMTP and webhooks to the sandbox's sinks, once, at the hours that were asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from people.models import Operator, Role
from people.notifications import channels, delivery, hours, notify, targets
from people.notifications.models import Channel, Delivery, Notification
from people.permissions import Forbidden
from remote import webhook
from remote.errors import Refused

pytestmark = pytest.mark.django_db
TARGETS = {
    "on-call": "mail:on-call@client.url",
    "team-slack": "slack:https://hooks.slack.com/services/secret",
    "team-teams": "teams:https://client.webhook.office.com/webhookb2/secret",
    "tickets": "webhook:https://hooks.example.com/secret",
}


@pytest.fixture(autouse=True)
def named(settings: Settings) -> None:
    settings.NOTIFY_TARGETS = dict(TARGETS)
    settings.DEFAULT_FROM_EMAIL = "ops-console@client.url"


@pytest.fixture
def sinks(sandbox: dict[str, str], settings: Settings) -> Callable[[str], list[dict[str, str]]]:
    """What arrived with this in its title, oldest first."""
    settings.EMAIL_URL = sandbox["mail"]

    def arrived(title: str) -> list[dict[str, str]]:
        state = httpx.get(f"{sandbox['control']}/sim/state", trust_env=False, timeout=30).json()
        return [each for each in reversed(state["messages"]) if title in each["title"]]

    return arrived


def tell(title: str, **more: Any) -> None:
    said = {"kind": "alarm", "text": "Threshold <b>Crossed</b> & more", "url": "/alarms/", "key": title, "environment": "production"} | more
    notify(said.pop("kind"), title=title, **said)


def team(target: str, by: Operator, *kinds: str) -> Channel:
    return channels.add_channel(target, kinds or ("alarm",), team="Operations", by=by)


def test_each_kind_of_channel_receives_it_once(admin: Operator, sinks: Callable[[str], list[dict[str, str]]]) -> None:
    for target in TARGETS:
        team(target, admin)
    tell("Each kind is told")
    for _ in range(3):
        tell("Each kind is told")
        delivery.deliver()
    found = sinks("Each kind is told")
    assert sorted(each["kind"] for each in found) == ["client.webhook.office.com", "hooks.example.com", "hooks.slack.com", "mail"]
    by_kind = {each["kind"]: each for each in found}
    assert by_kind["mail"]["to"] == "on-call@client.url"
    assert by_kind["mail"]["title"] == "[production] Each kind is told"
    assert "http://testserver/alarms/" in by_kind["mail"]["text"]
    assert "&lt;b&gt;Crossed&lt;/b&gt; &amp; more" in by_kind["hooks.slack.com"]["text"]
    assert "AdaptiveCard" in by_kind["client.webhook.office.com"]["text"]
    assert '"kind": "alarm"' in by_kind["hooks.example.com"]["text"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_people_hear_what_they_asked_for_and_may_see(
    viewer: Operator, person: Callable[[str, Role], Operator], admin: Operator, sinks: Callable[[str], list[dict[str, str]]]
) -> None:
    other = person("other", Role.VIEWER)
    for each in (viewer, other):
        Operator.objects.filter(pk=each.pk).update(email=f"{each.username}@client.url")
        each.refresh_from_db()
    channels.add_channel(channels.OWN_MAIL, ["alarm"], ["production"], by=viewer)
    channels.add_channel(channels.OWN_MAIL, ["alarm", "release"], by=other)
    paused = team("on-call", admin, "alarm")
    channels.pause_channel(paused, on=False, by=admin)
    Operator.objects.filter(pk=other.pk).update(role=Role.NONE)  # no longer one of us
    tell("Heard by one")
    tell("Heard by nobody: another environment", environment="pre-production")
    tell("Heard by nobody: another kind", kind="release")
    delivery.deliver()
    assert [each["to"] for each in sinks("Heard by")] == ["viewer@client.url"]


def test_what_is_not_taken_is_sent_again_and_what_is_refused_for_good_is_given_up(
    admin: Operator, sandbox: dict[str, str], sinks: Callable[[str], list[dict[str, str]]]
) -> None:
    team("tickets", admin)
    control = httpx.Client(base_url=sandbox["control"], trust_env=False, timeout=30)
    control.post("/sim/faults", json={"kind": "webhook-fails", "options": {"status": "503"}}).raise_for_status()
    tell("Taken at the second attempt")
    delivery.deliver()
    (waiting,) = Delivery.objects.all()
    assert waiting.state == "waiting"
    assert "hooks.example.com failed (503)" in waiting.said
    assert "secret" not in waiting.said
    delivery.deliver()  # not yet: it pauses
    assert sinks("Taken at the second attempt") == []
    Delivery.objects.update(not_before=timezone.now())
    delivery.deliver()
    assert len(sinks("Taken at the second attempt")) == 1
    control.post("/sim/faults", json={"kind": "webhook-fails", "options": {"status": "404"}}).raise_for_status()
    control.close()
    tell("Refused for good")
    delivery.deliver()
    refused = Delivery.objects.get(notification__key="Refused for good")
    assert (refused.state, refused.attempts) == ("given_up", 1)
    assert "Make a new one there" in refused.said


def test_a_delivery_whose_sender_died_is_sent_again(admin: Operator, sinks: Callable[[str], list[dict[str, str]]]) -> None:
    team("tickets", admin)
    tell("Sender died")
    delivery.spread(timezone.now())
    Delivery.objects.update(state="sending", not_before=timezone.now() - timedelta(minutes=1))
    delivery.deliver()
    assert sinks("Sender died") == []
    Delivery.objects.update(not_before=timezone.now() - timedelta(minutes=6))
    delivery.deliver()
    assert len(sinks("Sender died")) == 1


def test_quiet_hours_put_it_off_and_may_reach_over_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hours, "_zone", [lambda: ZoneInfo("Europe/Paris")])

    def at(hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 11, 24, hour, minute, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)

    night = time(22), time(7)
    assert hours.speaks_at(*night, at(23)) == at(7) + timedelta(days=1)
    assert hours.speaks_at(*night, at(3)) == at(7)
    assert hours.speaks_at(*night, at(7)) == at(7)
    assert hours.speaks_at(*night, at(12)) == at(12)
    assert hours.speaks_at(time(12), time(14), at(13)) == at(14)
    assert hours.speaks_at(time(5), time(5), at(5)) == at(5)
    assert hours.speaks_at(None, None, at(5)) == at(5)


def test_quiet_hours_hold_a_delivery_back(admin: Operator, sinks: Callable[[str], list[dict[str, str]]]) -> None:
    local = timezone.now().astimezone(hours.zone())
    quiet = (local - timedelta(hours=1)).time().replace(microsecond=0), (local + timedelta(hours=2)).time().replace(microsecond=0)
    channels.add_channel("tickets", ["alarm"], quiet=quiet, team="Operations", by=admin)
    tell("Held back")
    delivery.deliver()
    assert sinks("Held back") == []
    (waiting,) = Delivery.objects.all()
    assert timedelta(minutes=110) < waiting.not_before - timezone.now() <= timedelta(hours=2)


def test_channels_are_refused_in_words(admin: Operator, viewer: Operator, releaser: Operator) -> None:
    for target, kinds, said in (
        ("https://evil.example/", ["alarm"], "There is no target"),
        ("team-slack", [], "Choose of what it tells"),
        ("team-slack", ["gossip"], "Choose of what it tells"),
        (channels.OWN_MAIL, ["alarm"], "Your account has no mail address"),
    ):
        with pytest.raises(channels.Unusable, match=said):
            channels.add_channel(target, kinds, by=viewer)
    with pytest.raises(Forbidden, match="has to be an admin"):
        team("team-slack", releaser)
    mine = channels.add_channel("team-slack", ["alarm"], by=viewer)
    for action in (channels.remove_channel, channels.test_channel):
        with pytest.raises(Forbidden, match="somebody else's"):
            action(mine, by=admin)
    channels.remove_channel(mine, by=viewer)
    assert not Channel.objects.exists()


def test_a_test_goes_through_its_channel_alone(admin: Operator, viewer: Operator, sinks: Callable[[str], list[dict[str, str]]]) -> None:
    team("team-slack", admin, "access")
    mine = channels.add_channel("tickets", ["alarm"], by=viewer)
    channels.test_channel(mine, by=viewer)
    delivery.deliver()
    assert [each["kind"] for each in sinks("Test of Webhook to tickets")] == ["hooks.example.com"]
    assert Notification.objects.count() == 1


# -- Where it may go


def test_targets_that_cannot_be_used_are_said_and_left_out(settings: Settings) -> None:
    settings.NOTIFY_TARGETS = {
        "good": "slack:https://hooks.slack.com/x",
        "plain": "webhook:http://hooks.example.com/",
        "file": "webhook:file:///etc/passwd",
        "who": "webhook:https://user:pw@hooks.example.com/",
        "mail": "mail:nobody",
        "odd": "pager:1",
        "Bad name": "mail:a@b",
    }
    assert list(targets.targets()) == ["good"]
    assert len(targets.sound_targets()) == 6
    assert "secret" not in repr(targets.Target("x", "slack", "https://secret"))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.101.24", "169.254.169.254", "::1", "fd00::1", "0.0.0.0"])
def test_nothing_is_sent_into_our_own_network(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    with pytest.raises(Refused, match="a network of our own"):
        webhook.post("https://hooks.example.com/x", {})


def test_the_request_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    answers = [
        [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", 443))],
        [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))],
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop(0))
    sent: list[httpx.Request] = []

    def post(client: httpx.Client, url: str, **more: Any) -> httpx.Response:
        sent.append(client.build_request("POST", url, headers=more["headers"], extensions=more["extensions"]))
        return httpx.Response(200)

    monkeypatch.setattr(httpx.Client, "post", post)
    monkeypatch.setattr("ipaddress.IPv4Address.is_global", property(lambda self: str(self) != "127.0.0.1"))
    webhook.post("https://hooks.example.com/x", {"a": 1})
    (request,) = sent
    assert request.url.host == "203.0.113.7"
    assert request.headers["Host"] == "hooks.example.com"
    assert request.extensions["sni_hostname"] == "hooks.example.com"
    assert len(answers) == 1  # asked once
