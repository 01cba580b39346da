"""What is refused before any host is asked, and what is let through: judged with a host that is only a name."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from types import ModuleType

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from access import place
from access.ftp import account
from access.gateway import actions as gateway
from access.gateway import ending as gateway_ending
from access.models import AllowedAddress, VpnCertificate, VpnUser
from access.place import Place
from access.vpn import actions, ending, profile
from access.vpn.actions import NameTaken, NotPossible
from access.vpn.profile import Found
from people.models import AuditEntry, Operator
from people.notifications.models import Notification
from remote.errors import Busy, RemoteError, Throttled
from runs.actions import KeyReused, LockHeld
from runs.models import Run

pytestmark = pytest.mark.django_db
State = VpnUser.State
NOTHING = Found(None, (), (), (), 9000, "", ())


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(place, "find", lambda instance: Place(instance, "i-0abc", "10.0.101.9", "ami-0"))
    monkeypatch.setattr(profile, "look", lambda ip, name: NOTHING)


def user(by: Operator, state: str, **more: object) -> VpnUser:
    until = timezone.now() + timedelta(days=9)
    return VpnUser.objects.create(
        **{"name": "jane.doe", "person": "Jane", "reason": "x", "expires": until, "state": state, "created_by": by} | more
    )


def certificate(on_server: str, **more: object) -> VpnCertificate:
    until = timezone.now() + timedelta(days=9)
    words = {"serial": "7A01", "name": "jane.doe", "ends": until, "line": "V", "on_server": on_server, "seen": timezone.now()}
    return VpnCertificate.objects.create(**words | more)


def over(run: Run, ago: timedelta) -> None:
    Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED, ended=timezone.now() - ago)


@pytest.mark.parametrize("error", [Busy("It is at work", "Wait a minute."), Throttled("AWS slows down", "Wait a minute.")])
@pytest.mark.parametrize(
    "path, module, deed",
    [
        ("/access/vpn/", actions, "create_user"),
        ("/access/vpn/crl/", actions, "renew_crl"),
        ("/access/allow-list/myself/", gateway, "allow_myself"),
        ("/access/ftp/rotate/", account, "rotate"),
    ],
)
def test_what_outside_has_refused_is_answered_as_what_it_is(
    path: str, module: ModuleType, deed: str, error: RemoteError, client: Client, admin: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, deed, refuse)
    client.force_login(admin)
    answer = client.post(path, {"expires": "2030-01-01", "reason": "x"})
    assert answer.status_code == error.status
    assert error.told in answer.content.decode()


def test_who_has_no_certificate_is_not_revoked_for_ever(operator: Operator) -> None:
    failed = user(operator, State.FAILED)
    with pytest.raises(NotPossible, match="nothing to revoke"):
        actions.revoke(failed, reason="left", by=operator)
    failed.refresh_from_db()
    assert failed.state == State.FAILED
    certificate("V")
    actions.revoke(failed, reason="left", by=operator)
    failed.refresh_from_db()
    assert failed.state == State.REVOKING


def test_who_is_lost_from_the_index_is_brought_back_before_they_are_revoked(operator: Operator) -> None:
    lost = user(operator, State.VALID, serial="7A01", expires=timezone.now() - timedelta(hours=1))
    certificate("", line="V\tmine")
    certificate("", serial="7A00", line="V\tran out", ends=timezone.now() - timedelta(days=1))
    certificate("", serial="7A02", name="john.doe", line="V\tjohn's")
    ending.check()
    lost.refresh_from_db()
    assert (lost.state, VpnCertificate.objects.count()) == (State.REVOKING, 3)
    assert lost.run is not None
    assert [step.key for step in lost.run.steps.all()] == ["merge", "revoke-7a01", "crl", "kill-jane.doe", "read-back"]
    (merge,) = (step for step in lost.run.plan.document["steps"] if step["key"] == "merge")
    assert merge["acts"][0]["params"]["lines"] == ["V\tmine"]


def test_who_has_run_out_is_revoked_in_the_index_all_the_same(operator: Operator) -> None:
    gone = user(operator, State.VALID, serial="7A01", expires=timezone.now() - timedelta(hours=1))
    certificate("V", ends=timezone.now() - timedelta(days=1))
    ending.check()
    gone.refresh_from_db()
    assert gone.run is not None
    assert [step.key for step in gone.run.steps.all()] == ["revoke-7a01", "crl", "kill-jane.doe", "read-back"]


def test_after_a_re_issue_that_failed_access_ends_as_well(operator: Operator) -> None:
    past = timezone.now() - timedelta(hours=1)
    failed = user(operator, State.FAILED, expires=past)
    nothing = user(operator, State.FAILED, name="john.doe", expires=past)
    certificate("V", ends=past, serial="7A02", name="john.doe")
    certificate("V")
    ending.check()
    failed.refresh_from_db()
    nothing.refresh_from_db()
    assert (failed.state, nothing.state) == (State.REVOKING, State.FAILED)


def test_who_only_observes_says_what_should_have_ended_and_goes_on(admin: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = timezone.now() + timedelta(hours=20)
    entries = [allow(admin, uuid.uuid4().hex)]
    AllowedAddress.objects.update(state="allowed", until=timezone.now() - timedelta(minutes=30))
    assert entries[0].run is not None
    over(entries[0].run, timedelta(hours=1))
    allow(admin, uuid.uuid4().hex, cidr="203.0.113.8", until=soon)
    AllowedAddress.objects.update(state="allowed")
    user(admin, State.VALID, name="a.doe", expires=timezone.now() - timedelta(hours=1))
    user(admin, State.VALID, name="b.doe", expires=soon)
    certificate("V", name="a.doe")
    runs, refused = Run.objects.count(), AuditEntry.objects.filter(result="refused").count()
    monkeypatch.setenv("OBSERVE", "1")
    for _ in range(2):
        ending.check()
        gateway_ending.check()
    assert set(Notification.objects.values_list("title", flat=True)) == {
        "VPN user a.doe should have ended",
        "VPN user b.doe ends soon",
        "An allowed address should have ended: 203.0.113.7/32",
        "An allowed address ends soon: 203.0.113.8/32",
    }
    assert Notification.objects.count() == 4
    assert (Run.objects.count(), AuditEntry.objects.filter(result="refused").count()) == (runs, refused)
    monkeypatch.delenv("OBSERVE")
    ending.check()
    assert VpnUser.objects.get(name="a.doe").state == State.REVOKING


def create(by: Operator, **more: object) -> VpnUser:
    words = {"name": "jane.doe", "person": "Jane Doe", "reason": "x", "expires": timezone.now() + timedelta(days=9)} | more
    return actions.create_user(**words, by=by)  # type: ignore[arg-type]


def test_who_was_slower_changes_nothing_of_who_was_faster(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def somebody_was_faster(ip: str, name: str) -> Found:
        user(operator, State.VALID, person="Somebody else")
        return NOTHING

    monkeypatch.setattr(profile, "look", somebody_was_faster)
    with pytest.raises(NameTaken, match="exists already"):
        create(operator)
    assert VpnUser.objects.get().person == "Somebody else"
    assert not Run.objects.exists()
    VpnUser.objects.update(state=State.FAILED)
    monkeypatch.setattr(profile, "look", lambda ip, name: NOTHING)
    assert create(operator).person == "Jane Doe"


def test_while_a_run_is_at_it_the_host_is_not_even_asked(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create(operator)
    asked: list[str] = []

    def look(ip: str, name: str) -> Found:
        asked.append(name)
        return NOTHING

    monkeypatch.setattr(profile, "look", look)
    with pytest.raises(LockHeld, match=f"Run {first.run_id}"):
        create(operator, name="john.doe")
    assert asked == []
    assert first.run is not None
    over(first.run, timedelta(0))
    create(operator, name="john.doe")
    assert asked == ["john.doe"]


@pytest.mark.parametrize("contact", ["jane\u202e@client.url", "x" * 201, "a\x07b"])
def test_a_way_to_reach_somebody_is_text_for_people(operator: Operator, contact: str) -> None:
    with pytest.raises(ValidationError):
        create(operator, contact=contact)
    assert create(operator, contact=" jane@client.url ").contact == "jane@client.url"


def test_what_failed_is_tried_again_by_itself_but_not_all_the_time(operator: Operator) -> None:
    gone = user(operator, State.VALID, expires=timezone.now() - timedelta(hours=1))
    certificate("V")
    ending.check()
    for ago, runs in ((timedelta(minutes=1), 1), (timedelta(minutes=11), 2)):
        gone.refresh_from_db()
        assert gone.run is not None
        over(gone.run, ago)
        ending.check()
        assert Run.objects.count() == runs


def allow(by: Operator, key: str, *, cidr: str = "203.0.113.7", until: datetime | None = None) -> AllowedAddress:
    return gateway.allow(
        cidr=cidr,
        services=["rdp"],
        owner="x",
        reason="y",
        until=until or timezone.now() + timedelta(days=2),
        idempotency_key=key,
        by=by,
    )


def test_a_key_is_good_for_one_intention(admin: Operator) -> None:
    key, until = uuid.uuid4().hex, timezone.now() + timedelta(days=2)
    entry = allow(admin, key, until=until)
    assert allow(admin, key, until=until).pk == entry.pk
    for words in ({"cidr": "203.0.113.8"}, {"until": until + timedelta(days=1)}, {"until": timezone.now() - timedelta(days=1)}):
        with pytest.raises(KeyReused):
            allow(admin, key, **({"until": until} | words))
    of_another_kind = create(admin).run
    assert of_another_kind is not None
    with pytest.raises(KeyReused, match=f"run {of_another_kind.number}"):
        allow(admin, of_another_kind.idempotency_key)
    assert AllowedAddress.objects.count() == 1


def test_a_key_gives_its_entry_again_when_that_is_over(admin: Operator) -> None:
    key = uuid.uuid4().hex
    entry = allow(admin, key)
    assert entry.run is not None
    over(entry.run, timedelta(minutes=30))
    gone = timezone.now() - timedelta(minutes=20)
    AllowedAddress.objects.update(state="allowed", until=gone)
    gateway_ending.check()
    entry.refresh_from_db()
    assert (entry.state, Run.objects.count()) == ("removing", 2)
    assert allow(admin, key, until=gone).pk == entry.pk
    with pytest.raises(ValidationError, match="over already"):
        allow(admin, uuid.uuid4().hex, until=gone)


def test_an_entry_that_could_not_be_closed_is_closed_later(admin: Operator) -> None:
    entry = allow(admin, uuid.uuid4().hex)
    assert entry.run is not None
    over(entry.run, timedelta(hours=1))
    AllowedAddress.objects.update(state="allowed", until=timezone.now() - timedelta(minutes=30))
    gateway_ending.check()
    for ago, runs in ((timedelta(minutes=1), 2), (timedelta(minutes=11), 3)):
        entry.refresh_from_db()
        assert entry.run is not None
        over(entry.run, ago)
        AllowedAddress.objects.update(state="allowed")
        gateway_ending.check()
        assert Run.objects.count() == runs
