"""The health board: green only when proven, and within its time; what cannot be checked is a state of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from estate import health
from estate.health import BAD, OK, UNKNOWN, WARN, CannotCheck, Finding
from estate.models import BeanstalkEnvironment, Host
from monitoring.alarms.models import Tunnel
from monitoring.board import checking, checks
from monitoring.board.models import CheckSource
from people.models import Operator
from remote.aws import session
from remote.errors import Unreachable
from remote.ssh.connections import Result
from tests import scenery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]


@pytest.fixture(autouse=True)
def none_but_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_checks", {})


def states() -> dict[str, str]:
    return {each.finding.key: each.state for group in checking.board() for each in group.shown}


def test_what_was_proven_is_green_and_grows_old(client: Client, viewer: Operator) -> None:
    health.register("Pages", "Public names", lambda: [Finding("a", "www", OK, "200"), Finding("b", "old", BAD)], every=60)
    assert checking.board()[0].state == UNKNOWN  # nothing is proven yet
    checking.refresh()
    assert states() == {"a": OK, "b": BAD}
    CheckSource.objects.update(answered=timezone.now() - timedelta(seconds=181))
    (group,) = checking.board()
    assert states() == {"a": UNKNOWN, "b": UNKNOWN}
    assert "not been checked for long" in group.cannot[0]
    client.force_login(viewer)
    said = client.get(reverse("monitoring:health")).content.decode()
    assert re.search(r"Last known <[^>]+>3 min 0\d s ago</time>: proven well. 200", said)
    assert re.search(r"Last known <[^>]+>3 min 0\d s ago</time>: broken.", said)


def test_what_could_not_be_checked_then_either_was_never_known(client: Client, viewer: Operator) -> None:
    health.register("Pages", "Public names", lambda: [Finding("a", "www", UNKNOWN, "No way there.")], every=60)
    checking.refresh()
    CheckSource.objects.update(answered=timezone.now() - timedelta(seconds=181))
    assert states() == {"a": UNKNOWN}
    client.force_login(viewer)
    said = client.get(reverse("monitoring:health")).content.decode()
    assert "No way there." in said
    assert "Last known" not in said


def test_a_group_is_as_old_as_what_it_is_told_by() -> None:
    seen = timezone.now() - timedelta(seconds=100)
    health.register("Pages", "Public names", lambda: [Finding("a", "www", OK), Finding("b", "old", OK, seen=seen.isoformat())], every=60)
    checking.refresh()
    (group,) = checking.board()
    assert (group.state, group.checked) == (OK, seen)


def test_a_check_that_fails_is_no_longer_green_and_hides_nothing() -> None:
    answers: list[Exception | None] = [None, Unreachable("No way there.", "Look at the route."), CannotCheck("Nobody told where.")]

    once: list[bool] = []

    def find() -> Iterable[Finding]:
        once.append(session._once.get())
        if answer := answers.pop(0):
            raise answer
        return [Finding("a", "www", OK)]

    health.register("Pages", "Public names", find, every=60)
    for state, said in ((OK, ""), (UNKNOWN, "No way there. Look at the route."), (UNKNOWN, "Nobody told where.")):
        checking.refresh(now=True)
        (group,) = checking.board()
        assert states() == {"a": state}
        assert said in " ".join(group.cannot)
    assert once == [False, False, True], "AWS is asked once where the last look had no answer"


def test_one_broken_check_keeps_no_other_from_being_asked() -> None:
    def broken() -> Iterable[Finding]:
        raise ZeroDivisionError

    health.register("Broken", "First", broken, every=60)
    health.register("Good", "Second", lambda: [Finding("a", "www", OK)], every=60)
    with pytest.raises(ZeroDivisionError):
        checking.refresh()
    first, second = checking.board()
    assert first.cannot == (f"Broken: {checking.FAULT}",)
    assert second.state == OK


def test_it_says_since_when() -> None:
    found = [Finding("a", "www", OK)]
    health.register("Pages", "Public names", lambda: found, every=60)
    checking.refresh(now=True)
    since = checking.board()[0].shown[0].since
    checking.refresh(now=True)
    assert checking.board()[0].shown[0].since == since
    found[0] = Finding("a", "www", BAD)
    checking.refresh(now=True)
    changed = checking.board()[0].shown[0].since
    assert since is not None
    assert changed is not None
    assert changed > since


def test_instances_have_two_lights_and_the_worse_one_counts() -> None:
    with pytest.raises(CannotCheck, match="EC2 has not listed"):
        list(checks.instances())
    rows = scenery.observed()
    Host.objects.filter(name="fe-2").update(target_state="unhealthy", target_reason="Target.FailedHealthChecks")
    Host.objects.filter(name="fe-3").update(health_status="")
    found = {each.key: each for each in checks.instances()}
    assert found[rows["fe-1"].pk].state == OK
    assert found[rows["fe-2"].pk].state == BAD
    assert "Target.FailedHealthChecks" in found[rows["fe-2"].pk].said
    assert found[rows["fe-3"].pk].state == UNKNOWN


def test_environments_tell_their_causes_and_one_never_seen_is_unknown() -> None:
    scenery.observed()
    BeanstalkEnvironment.objects.filter(name="client-magento-prod").update(health_status="Severe", causes=["50 % of requests fail."])
    found = {each.key: each for each in checks.environments()}
    assert found["client-magento-prod"].state == BAD
    assert "50 % of requests fail." in found["client-magento-prod"].said
    assert found["client-pim"].state == UNKNOWN


@pytest.mark.parametrize(
    ("mounted", "answered", "state"),
    [
        (Result(0, b"", b""), Result(0, b"", b""), OK),
        (Result(1, b"", b""), Result(0, b"", b""), BAD),
        (Result(0, b"", b""), Result(1, b"", b""), BAD),
        (Result(0, b"", b""), Result(124, b"", b""), BAD),  # ended by the runner: the mount hangs
        (Unreachable("fe-1 is away"), Result(0, b"", b""), UNKNOWN),
        (Result(0, b"", b""), Unreachable("fe-1 is away"), UNKNOWN),
    ],
)
def test_a_share_is_green_only_when_it_is_mounted_and_answers(mounted: object, answered: object, state: str) -> None:
    assert checks._share(mounted, answered)[0] == state  # type: ignore[arg-type]


def test_each_tunnel_of_a_link_is_shown_apart() -> None:
    with pytest.raises(CannotCheck, match="not told of any tunnel"):
        list(checks.tunnels())
    now = timezone.now()
    for address, up in (("198.51.100.1", True), ("198.51.100.2", False)):
        Tunnel.objects.create(address=address, link="DLM-Lan", connection="vpn-1", up=up, said="", since=now, seen=now)
    assert {each.key: each.state for each in checks.tunnels()} == {"198.51.100.1": OK, "198.51.100.2": BAD}


def test_public_names_are_asked_from_outside(sandbox: dict[str, str]) -> None:
    found = {each.title: each for each in checks.public_names()}
    assert found["www.client.url"].state in (OK, WARN, BAD)
    assert " in " in found["www.client.url"].said  # it answered
    for name in ("media.client.url", "static.client.url"):  # by the file that estate.yaml names
        assert found[name].state == OK, found[name]


def test_shares_that_nobody_mounts_yet_are_said_to_be_unseen(client: Client, viewer: Operator) -> None:
    health.register("Shares", "NFS shares", checks.shares, every=60)
    checking.refresh()
    assert checking.board()[0].cannot == ("Shares: No host that mounts a share has been seen yet.",)
    client.force_login(viewer)
    page = client.get("/health/").content.decode()
    assert "nothing seen yet" in page
    assert "of 0 proven" not in page


def test_many_that_are_well_are_folded_and_what_is_not_stays_in_sight(client: Client, viewer: Operator) -> None:
    found = [Finding(str(number), f"share {number}", OK) for number in range(checking.FOLDED)]
    health.register("Shares", "NFS shares", lambda: found, every=60)
    checking.refresh(now=True)
    assert checking.board()[0].folded == ()
    found += [Finding("one more", "share more", OK), Finding("lost", "share lost", BAD)]
    checking.refresh(now=True)
    (group,) = checking.board()
    assert [each.finding.key for each in group.open] == ["lost"]
    assert len(group.folded) == checking.FOLDED + 1
    client.force_login(viewer)
    page = client.get("/health/").content.decode()
    assert f"{checking.FOLDED + 1} proven well" in page
    assert page.index("share lost") < page.index("<details")


def test_the_page_is_for_viewers_by_get_alone(client: Client, viewer: Operator, stranger: Operator) -> None:
    health.register("Pages", "Public names", lambda: [Finding("a", "<b>www</b>", BAD, "500")], every=60)
    checking.refresh()
    assert client.get("/health/").status_code == 302
    client.force_login(stranger)
    assert client.get("/health/").status_code == 403
    client.force_login(viewer)
    assert "&lt;b&gt;www&lt;/b&gt;" in client.get("/health/").content.decode()
    assert "<html" not in client.get("/health/", headers={"HX-Request": "true"}).content.decode()
    assert client.post("/health/").status_code == 405
