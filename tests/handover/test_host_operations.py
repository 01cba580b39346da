"""Rebooting a host and mounting its shares anew, run by the engine against the estate in a box: each with its proof and its refusal."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments.actions import NotStartable
from estate import inventory
from estate.models import Resource
from handover import effects, operations, shares
from people.models import Operator
from people.permissions import Forbidden
from remote.aws import network
from remote.errors import Refused, Unanswered
from runs import doors
from runs.models import Run
from tests import box
from tests.working import through

POINTS = ["/var/app/current/pub/media", "/var/app/current/pub/static", "/var/app/current/sitemap", "/var/app/current/client"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.SSH_CONFIG, settings.SSH_BROKER = sandbox["ssh_config"], ""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.TICK_SECONDS = 1.5
    for cache in (doors.door, doors.runner):
        cache.cache_clear()
    found = box.Control(sandbox)
    yield found
    found.clear()
    found.close()
    doors.door().close()
    for cache in (doors.door, doors.runner):
        cache.cache_clear()


def machine(name: str) -> Resource:
    """As the inventory has it, with the runner on it and what the host itself says."""
    asked = inventory.source("machines")
    inventory.keep(asked, asked.read())
    found = Resource.objects.get(kind="instance", name=name)
    ip = str(found.facts["private_ip"])
    doors.runner().install(ip)
    facts = {"mounts": shares.mounted(ip)}
    now = timezone.now()
    Resource.objects.create(kind="host", key=name, name=name, source="hosts", facts=facts, first_seen=now, changed=now)
    return found


def started(found: Resource, what: str, by: Operator, confirmation: str = "") -> Run:
    return operations.start(found, what, confirmation=confirmation or found.name, idempotency_key=str(uuid.uuid4()), by=by)


def booted_long_ago(sandbox: dict[str, str], name: str) -> None:
    """An hour, by what its kernel says: a boot that was a moment ago cannot be told from the one that is asked for."""
    stat = Path(sandbox["ssh_config"]).parents[1] / "hosts" / name / "proc/stat"
    stat.write_text(re.sub(r"(?m)^btime \d+$", f"btime {int(time.time()) - 3600}", stat.read_text()))


def test_a_host_is_rebooted_and_its_own_kernel_says_so(control: box.Control, sandbox: dict[str, str], releaser: Operator) -> None:
    host = machine("fe-4")
    booted_long_ago(sandbox, "fe-4")
    ip = host.facts["private_ip"]
    before, mounts = effects.booted_at(ip), shares.mounted(ip)
    assert sorted(mounts) == [*sorted(["/", *POINTS])]
    run = through(started(host, "reboot", releaser))
    assert run.state == Run.State.SUCCEEDED, run.said
    assert effects.booted_at(ip) > before
    assert shares.mounted(ip) == mounts  # the boot had left none of them
    assert (run.lock_group, run.environment) == ("magento-production", "production")


def test_a_reboot_that_did_not_happen_is_not_called_done(control: box.Control, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """EC2 accepts it and says “running”, as it always does: nobody is to believe that."""
    host = machine("fe-3")
    monkeypatch.setattr("remote.aws.network.reboot", lambda instance: None)
    monkeypatch.setattr(effects, "CLOCKS", timedelta(0))
    monkeypatch.setattr(effects, "LONGEST_BOOT", timedelta(seconds=2))
    monkeypatch.setattr(effects, "LATE", timedelta(seconds=1))
    run = through(started(host, "reboot", releaser))
    assert run.state == Run.State.UNKNOWN
    assert "runs since" in run.said


@pytest.mark.parametrize("arrives, state", [(True, Run.State.SUCCEEDED), (False, Run.State.UNKNOWN)])
def test_a_reboot_whose_answer_is_lost_is_never_asked_for_twice(
    control: box.Control, sandbox: dict[str, str], releaser: Operator, monkeypatch: pytest.MonkeyPatch, arrives: bool, state: str
) -> None:
    host, asked, reboot = machine("fe-3"), [], network.reboot
    booted_long_ago(sandbox, "fe-3")

    def lost(instance: str) -> None:
        asked.append(instance)
        if arrives:
            reboot(instance)
        raise Unanswered("ec2 reboot-instances: no answer")

    monkeypatch.setattr(network, "reboot", lost)
    monkeypatch.setattr(effects, "LATE", timedelta(0))
    monkeypatch.setattr(effects, "LONGEST_BOOT", timedelta(seconds=2))
    run = through(started(host, "reboot", releaser))
    assert run.state == state, run.said
    assert asked == [host.key]
    assert ("answer to it was lost" in run.said) is not arrives


def test_a_host_that_cannot_say_when_it_booted_is_not_rebooted(control: box.Control, releaser: Operator) -> None:
    host = machine("fe-2")
    doors.door().run(host.facts["private_ip"], ("sudo", "mv", "/opt/opsconsole/runner", "/opt/opsconsole/away"), deadline=20)
    try:
        run = through(started(host, "reboot", releaser))
        assert run.state != Run.State.SUCCEEDED
        assert not run.effects.filter(kind="aws.reboot").exists()
    finally:
        doors.door().run(host.facts["private_ip"], ("sudo", "mv", "/opt/opsconsole/away", "/opt/opsconsole/runner"), deadline=20)
    assert effects.booted_at(host.facts["private_ip"]) < timezone.now()


def test_windows_and_stopped_hosts_have_no_reboot(control: box.Control, releaser: Operator) -> None:
    assert [each.key for each in operations.operations_of(machine("fe-1"))] == ["reboot", "remount"]
    windows = Resource.objects.get(kind="instance", name="windows")
    assert operations.operations_of(windows) == []
    with pytest.raises(NotStartable, match="no “reboot”"):
        started(windows, "reboot", releaser)
    assert [each.key for each in operations.operations_of(Resource.objects.get(kind="instance", name="ansible"))] == ["reboot"]


def test_who_comes_in_by_a_host_and_who_is_released_to_hold_its_lock(control: box.Control) -> None:
    machine("fe-1")
    locks = {each.name: operations.lock_of(each) for each in Resource.objects.filter(kind="instance")}
    assert (locks["fe-1"], locks["be"], locks["pim-1"]) == ("magento-production", "magento-production", "shared-database")
    assert (locks["openvpn"], locks["gateway"]) == ("vpn", "gateway")
    assert locks["ansible"].startswith("instance-i-")


def test_shares_are_mounted_anew(control: box.Control, releaser: Operator) -> None:
    host = machine("fe-1")
    ip = host.facts["private_ip"]
    before = shares.mounted(ip)
    doors.door().run(ip, ("sudo", "umount", POINTS[0]), deadline=20)
    assert POINTS[0] not in shares.mounted(ip)
    run = through(started(host, "remount", releaser))
    assert run.state == Run.State.SUCCEEDED, run.said
    assert shares.mounted(ip) == before


def test_a_silent_file_server_holds_nothing_up(control: box.Control, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MOUNT_SECONDS", 2)
    host = machine("fe-1")
    control.fault("nfs-silent", "fe-1", times=-1)
    run = through(started(host, "remount", releaser))
    assert run.state == Run.State.FAILED
    assert "did not answer within 2 s" in run.said
    control.clear()
    assert doors.runner().probe(host.facts["private_ip"], ("pgrep", "-f", "mount.nfs"), deadline=8).rc == 1
    Run.objects.update(state=Run.State.CANCELLED, holds_lock=False)
    assert through(started(host, "remount", releaser)).state == Run.State.SUCCEEDED


def test_every_command_of_a_mount_has_an_end(control: box.Control) -> None:
    host = machine("fe-1")
    acts = operations.drawn(host, operations.OPERATIONS["remount"]).acts
    assert len(acts) == 2 * len(POINTS)
    assert all(act.argv[:4] == ("sudo", "timeout", "-k", "5") and act.argv[4].isdigit() for act in acts)


def test_what_nobody_has_seen_mounted_is_not_guessed(control: box.Control) -> None:
    host = machine("fe-1")
    target = operations.target_of(host)
    assert set(shares.wanted(host, target)) == set(POINTS)
    Resource.objects.filter(kind="host").update(facts={"mounts": {}})
    assert shares.wanted(host, target) == {}
    assert "remount" not in [each.key for each in operations.operations_of(host)]


def test_who_may_not_and_who_does_not_confirm(control: box.Control, operator: Operator, releaser: Operator) -> None:
    host = machine("fe-1")
    with pytest.raises(Forbidden):
        started(host, "remount", operator)
    with pytest.raises(NotStartable, match="Type"):
        started(host, "remount", releaser, confirmation="fe-2")
    assert not Run.objects.exists()


def test_a_kernel_that_says_nothing_is_refused(control: box.Control) -> None:
    host = machine("fe-1")
    ip = host.facts["private_ip"]
    doors.door().run(ip, ("sudo", "cp", "/proc/stat", "/var/stat"), deadline=20)
    doors.door().run(ip, ("sudo", "truncate", "-s", "0", "/proc/stat"), deadline=20)
    try:
        with pytest.raises(Refused, match="does not say when it booted"):
            effects.booted_at(ip)
    finally:
        doors.door().run(ip, ("sudo", "cp", "/var/stat", "/proc/stat"), deadline=20)
