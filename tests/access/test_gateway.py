"""The allow-list against the estate's AWS: opened, closed, ended by itself, compared; and what HAProxy says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from access import place, programs
from access.gateway import actions, ending, exposure, haproxy, observe, rules
from access.gateway.actions import NotPossible
from access.models import AllowedAddress, Seen
from people.models import Operator, Role
from people.permissions import Forbidden
from remote.aws import security_groups
from remote.aws.security_groups import Rule, Wanted
from runs.doors import runner
from tests.access.conftest import Grounds

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
State = AllowedAddress.State


@pytest.fixture(autouse=True)
def as_it_was(grounds: Grounds) -> Iterator[None]:
    yield
    group = security_groups.group_id("client-gateway")
    if mine := [rule.id for rule in security_groups.inbound(group) if rules.mark_of(rule.description) or rule.description == "by hand"]:
        security_groups.revoke(group, mine)


def in_aws(cidr: str) -> list[Rule]:
    return [rule for rule in security_groups.inbound(security_groups.group_id("client-gateway")) if rule.cidr == cidr]


def allowed(by: Operator, cidr: str, *services: str, **more: object) -> AllowedAddress:
    words = {"owner": "Hélène Müller, entrepôt", "reason": "stock count", "until": timezone.now() + timedelta(days=3)} | more
    return actions.allow(cidr=cidr, services=services or ("smb", "ftp"), by=by, **words)  # type: ignore[arg-type]


def test_an_entry_is_in_aws_and_is_gone_when_its_time_is_over(grounds: Grounds, admin: Operator) -> None:
    entry = allowed(admin, "203.0.113.150/32")
    grounds.done(entry.run)
    entry.refresh_from_db()
    assert entry.state == State.ALLOWED
    found = in_aws("203.0.113.150/32")
    assert sorted((rule.first, rule.last) for rule in found) == [(21, 21), (445, 445), (2048, 4096)]
    assert all(rule.description.startswith(f"{entry.mark} Helene Muller, entrepot until ") for rule in found)
    with pytest.raises(ValidationError, match="allowed already"):
        allowed(admin, "203.0.113.150", "ftp")

    AllowedAddress.objects.filter(pk=entry.pk).update(until=timezone.now() - timedelta(seconds=1))
    ending.check()
    entry.refresh_from_db()
    assert entry.state == State.REMOVING
    grounds.done(entry.run)
    entry.refresh_from_db()
    assert entry.state == State.REMOVED
    assert in_aws("203.0.113.150/32") == []
    assert entry.run is not None
    assert entry.run.requested_by.username == "ops-console"


def test_an_operator_lets_themselves_in_for_two_hours_and_out_again(grounds: Grounds, operator: Operator, admin: Operator) -> None:
    entry = actions.allow_myself(address="203.0.113.151", services=["rdp"], by=operator)
    assert timedelta(minutes=119) < entry.until - timezone.now() <= timedelta(hours=2)
    grounds.done(entry.run)
    assert len(in_aws("203.0.113.151/32")) == 1
    entry.refresh_from_db()
    grounds.done(actions.close(entry, reason="done", by=operator))
    assert in_aws("203.0.113.151/32") == []
    for address, words in (
        ("10.8.0.6", "inside a network"),
        ("127.0.0.1", "no address"),
        ("203.0.113.0/25", "single one"),
        ("0.0.0.0/0", "lets everybody in"),
    ):
        with pytest.raises(ValidationError, match=words):
            actions.allow_myself(address=address, services=["rdp"], by=operator)
    with pytest.raises(Forbidden):
        allowed(operator, "203.0.113.152")
    with pytest.raises(ValidationError, match="no service “telnet”"):
        allowed(admin, "203.0.113.152", "telnet")


@pytest.mark.parametrize(
    "cidr", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "::ffff:203.0.113.7", " 203.0.113.7/33", "2001:db8::/31"]
)
def test_what_nobody_may_allow(grounds: Grounds, admin: Operator, cidr: str) -> None:
    with pytest.raises(ValidationError):
        allowed(admin, cidr)


def test_a_wide_network_needs_a_second_person(grounds: Grounds, admin: Operator, operator: Operator) -> None:
    second = Operator.objects.create_user(username="second", password="second-long-enough", role=Role.ADMIN)
    entry = allowed(admin, "203.0.112.0/20", "rdp")
    assert entry.state == State.ASKED
    assert entry.run is None
    assert in_aws("203.0.112.0/20") == []
    with pytest.raises(NotPossible, match="yourself"):
        actions.agree(entry, by=admin)
    with pytest.raises(Forbidden):
        actions.agree(entry, by=operator)
    grounds.done(actions.agree(entry, by=second))
    assert len(in_aws("203.0.112.0/20")) == 1


def test_what_somebody_else_changed_is_seen(grounds: Grounds, admin: Operator) -> None:
    entry = allowed(admin, "203.0.113.153/32", "rdp")
    grounds.done(entry.run)
    group = security_groups.group_id("client-gateway")
    security_groups.allow(group, [Wanted(3389, 3389, "203.0.113.200/32", "by hand")])
    security_groups.revoke(group, [rule.id for rule in in_aws("203.0.113.153/32")])
    observe.observe()
    entry.refresh_from_db()
    assert "missing in AWS" in entry.said
    facts = Seen.objects.get(name="gateway").facts
    assert "203.0.113.200/32" in {each["cidr"] for each in facts["unknown"]}
    assert "203.0.113.7/32" in {each["cidr"] for each in facts["unknown"]}, "those of the document, which nobody wrote down"


def test_where_terraform_owns_the_group_the_console_keeps_a_list(
    grounds: Grounds, admin: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from remote.aws.session import tell

    tell("ec2", "create_managed_prefix_list", PrefixListName="console-allowed", MaxEntries=20, AddressFamily="IPv4")
    theirs = replace(place.gateway(), owner="terraform", prefix_list="console-allowed")
    monkeypatch.setattr(place, "gateway", lambda: theirs)
    entry = allowed(admin, "203.0.113.154/32", "rdp")
    grounds.done(entry.run)
    assert [cidr for cidr, _ in security_groups.prefix_list("console-allowed").entries] == ["203.0.113.154/32"]
    assert in_aws("203.0.113.154/32") == []
    entry.refresh_from_db()
    grounds.done(actions.close(entry, reason="done", by=admin))
    assert security_groups.prefix_list("console-allowed").entries == ()


def test_the_exposure_map_and_what_is_wrong_in_haproxys_configuration(grounds: Grounds) -> None:
    runner().install(place.find("gateway").ip)
    programs.install("gateway", place.find("gateway").ip)
    grounds.control.fault("windows-down", host="gateway")
    observe.observe()
    observe.look_at_host()
    grounds.control.clear()
    host = Seen.objects.get(name="haproxy")
    assert any("Port 21 is claimed twice" in each for each in host.facts["problems"])
    assert any("Port 3389 of rdp lies inside 2048-4096 of ftp" in each for each in host.facts["problems"])
    ways = exposure.ways(place.gateway(), Seen.objects.get(name="gateway"), host, Seen.objects.get(name="vpn"))
    by_name = {(way.what, way.ports): way for way in ways}
    application = by_name["Custom application", "8700-8800"]
    assert application.behind is not None
    assert (application.behind.light, application.behind.said) == ("bad", "its port refuses, or there is no way to it")
    assert "RDP (3389)" in by_name["FTP", "2048-4096"].note
    assert by_name["OpenVPN", "1194/udp"].who.startswith("0 users in the register, ")
    assert {way.what for way in ways if way.by == "IPSec tunnel"} == {"DLM-Lan", "DLM-Ml", "DLM-Cetsi"}


def test_a_back_end_that_nobody_checks_is_unknown_not_healthy() -> None:
    text = "# pxname,svname,status,lastchg,type,check_status,\nb,s,no check,12,2,,\nb,t,UP 1/3,3,2,L4OK,\nb,BACKEND,UP,3,1,,\n"
    found = haproxy.backends(text)
    assert [(each.server, each.light) for each in found] == [("s", "unknown"), ("t", "warn")]


def test_descriptions_are_of_awss_alphabet() -> None:
    entry = AllowedAddress(pk=7, cidr="203.0.113.1/32", owner="Zoë “Ünal” <x> | 你好" + "a" * 300, until=timezone.now())
    said = rules.description(entry)
    assert len(said) <= rules.LONGEST
    assert said.startswith("oc-7 Zoe Unal x")
    assert not rules._NOT_AWS.search(said)
