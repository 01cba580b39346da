"""What every kind owes the engine: a second request may arrive as late as a first, and is judged from when it was made.

Each is asked in a world in which nothing of it can be seen, two hours after the first request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from access.gateway import effects as gateway
from access.vpn import effects as vpn
from access.vpn import server
from deployments import rundeck
from deployments.effects import balancer, delivery, servers, settings
from deployments.strategies import curtain
from estate import observe
from estate.models import BeanstalkEnvironment
from handover import effects as machines
from remote.aws import balancer as aws_balancer
from remote.aws import beanstalk, invalidations, network, security_groups
from remote.errors import Unreachable
from runs.effects import CannotTell, Context, Done, Failed, Finding, Kind, NotDone, Running
from runs.plan import Act
from tests import scenery
from tests.scenery import Silent

FRONT = "client-magento-prod"
HOURS = timedelta(hours=2)
HOST = {"i-1": {"name": "fe-1", "ip": "10.0.101.9"}}
Patch = Callable[[pytest.MonkeyPatch], None]

pytestmark = pytest.mark.django_db


def found(kind: Kind, params: Mapping[str, Any], *, ago: timedelta | None, **answer: Any) -> Finding:
    """`ago`: since it was asked for again; None where it never was."""
    now = timezone.now()
    again = None if ago is None else now - ago
    context = Context(
        1, 1, {}, now - HOURS, {"offset": 0, **answer}, lambda host: Silent(), lambda: False, 0.0, key="effect", again_at=again
    )
    return kind.probe(Act("kind", "effect", "target", params=params), context)


def says(module: Any, **answers: Any) -> Patch:
    """These functions of a module answer so, whatever they are asked."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for name, answer in answers.items():
            monkeypatch.setattr(module, name, lambda *_, answer=answer, **__: answer)

    return patch


def both(*patches: Patch) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(monkeypatch)

    return patch


def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beanstalk says now that the environment is Ready, and when somebody changed it last: before the first request."""
    scenery.observed()
    now = timezone.now()
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", updated=now - HOURS - timedelta(hours=1), seen=now)
    says(observe, refresh=None)(monkeypatch)
    says(servers, tell_events={})(monkeypatch)


def finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's command has ended: what is judged is what can be seen of it."""
    monkeypatch.setattr(vpn.EndSessions, "probe", lambda self, act, context: self.accept(act, context))


RULE = {"first": 443, "last": 443, "cidr": "192.0.2.7/32", "description": "opsconsole"}
NOTHING: dict[str, tuple[Kind, Mapping[str, Any], Patch, type[Finding]]] = {
    "start a host": (machines.StartHost(), {"instance": "i-1"}, says(network, state_of="stopped"), NotDone),
    "reboot a host": (
        machines.RebootHost(), {"instance": "i-1", "ip": "10.0.101.9"},
        says(machines, booted_at=datetime(2026, 1, 1, tzinfo=UTC)), CannotTell,
    ),
    "open the gateway": (
        gateway.Allow(), {"group": "sg", "rules": [RULE]}, says(security_groups, group_id="sg-1", inbound=[]), NotDone,
    ),
    "put somebody out of the VPN": (
        vpn.EndSessions(), {"ip": "10.0.101.9", "name": "ada", "stays_out": True},
        both(says(server, look=SimpleNamespace(sessions_of=lambda name: None, silent="")), finished), Failed,
    ),
    "add a rule": (
        balancer.AddRule(), {"listener": "arn", "target": "t", "name": curtain.CLOSED, "priority": 5, "port": 443},
        both(says(curtain, rules_on=[]), says(aws_balancer, rules=[])), NotDone,
    ),
    "restart servers": (
        servers.RestartServers(), {"service": "magento", "environment": "production", "beanstalk": FRONT}, ready, NotDone,
    ),
    "fetch logs": (servers.FetchLogs(), {"beanstalk": FRONT, "hosts": HOST}, says(beanstalk, retrieve_logs=[]), NotDone),
    "fetch all logs": (servers.FetchBundles(), {"beanstalk": FRONT, "hosts": HOST}, says(beanstalk, retrieve_logs=[]), NotDone),
    "let hosts drain": (
        settings.Configure(), {"application": "a", "beanstalk": FRONT, "namespace": "n", "options": {"o": "60"}},
        both(
            says(beanstalk, environment=SimpleNamespace(is_ready=True), option_settings={("n", "o"): "20"}),
            says(settings, tell_events={}),
        ), NotDone,
    ),
    "invalidate": (
        delivery.Invalidate(), {"domain": "d", "path": "/*"}, says(invalidations, distribution_of="E1", find=None), NotDone,
    ),
    "run a job": (
        rundeck.RunJob(), {"url": "u", "job": "j", "user": "console"},
        says(rundeck, _server=SimpleNamespace(executions=lambda job: [])), NotDone,
    ),
}  # fmt: skip


SEEN = {"reboot a host", "put somebody out of the VPN", "fetch logs", "fetch all logs"}  # something of these runs, in any case


@pytest.mark.parametrize("case", NOTHING)
def test_a_second_request_may_arrive_as_late_as_the_first(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, params, patch, at_last = NOTHING[case]
    patch(monkeypatch)
    at_first = found(kind, params, ago=timedelta(seconds=1))
    assert isinstance(at_first, Running)
    assert at_first.certain == (case in SEEN), "nobody says of what was not answered that it is under way"
    assert isinstance(found(kind, params, ago=timedelta(hours=1)), at_last)
    assert isinstance(found(kind, params, ago=None), at_last), "the first is as old as that"


def test_what_was_accepted_at_the_second_time_is_waited_for_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS shows what it took only after a while."""
    kind, params, patch, _ = NOTHING["open the gateway"]
    patch(monkeypatch)
    late = gateway.LATE_ANSWER + timedelta(seconds=1)
    assert isinstance(found(kind, params, ago=late, accepted=True), Running)
    assert isinstance(found(kind, params, ago=late), NotDone)


def test_what_happened_between_the_two_is_none_of_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that booted after the first request has not booted by the second; one that booted since has."""
    now = timezone.now()
    params, ago = {"instance": "i-1", "ip": "10.0.101.9"}, timedelta(minutes=1)
    for booted, is_done in ((now - timedelta(hours=1), False), (now, True)):
        says(machines, booted_at=booted)(monkeypatch)
        assert isinstance(found(machines.RebootHost(), params, ago=ago), Done) == is_done


def test_a_host_that_was_asked_to_boot_again_has_its_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(ip: str) -> datetime:
        raise Unreachable("no route to it.")

    monkeypatch.setattr(machines, "booted_at", away)
    params = {"instance": "i-1", "ip": "10.0.101.9"}
    assert isinstance(found(machines.RebootHost(), params, ago=timedelta(minutes=1)), Running)
    assert isinstance(found(machines.RebootHost(), params, ago=None), CannotTell)


def test_a_list_of_sessions_from_before_the_second_request_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    finished(monkeypatch)
    params, now = {"ip": "10.0.101.9", "name": "ada", "stays_out": True}, timezone.now()
    for heard, is_done in ((now - timedelta(hours=1), False), (now, True)):
        seen = SimpleNamespace(sessions_of=lambda name: [], sessions=[], silent="", heard_at=heard, heard="its status file")
        says(server, look=seen)(monkeypatch)
        assert isinstance(found(vpn.EndSessions(), params, ago=timedelta(minutes=1)), Done) == is_done


def test_a_restart_is_seen_by_a_look_from_after_the_second_request(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, params, patch, _ = NOTHING["restart servers"]
    patch(monkeypatch)
    now = timezone.now()
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(seen=now - timedelta(minutes=2))
    assert found(kind, params, ago=timedelta(minutes=1)) == Running("waiting for Beanstalk's answer", {}, ask_again=1, certain=False)
    accepted = (now - timedelta(seconds=50)).isoformat()
    for updated, is_done in ((timedelta(hours=1), False), (timedelta(seconds=40), True)):
        BeanstalkEnvironment.objects.filter(pk=FRONT).update(seen=now, updated=now - updated)
        assert isinstance(found(kind, params, ago=timedelta(minutes=1), accepted=accepted), Done) == is_done
