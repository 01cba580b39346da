from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deployments import lanes
from estate.models import BeanstalkEvent, Host

BEGIN = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
LABEL, OLD = "r418-a91c3e7", "r417-3f80d2b"
ONE, TWO = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
BATCH = [
    "Batch {n}: Starting application deployment on instance(s) [{id}].",
    "Batch {n}: De-registering instance(s) from the load balancer and waiting for them to go out of service.",
    "Batch {n}: Starting application deployment command execution.",
    "Batch {n}: Completed application deployment command execution.",
    "Batch {n}: Registering instance(s) with the load balancer and waiting for them to be healthy. ",
    "Batch {n}: Completed application deployment.",
]


def _events(*, upto: int) -> list[BeanstalkEvent]:
    texts = [line.format(n=1, id=ONE) for line in BATCH] + [line.format(n=2, id=TWO) for line in BATCH]
    return [
        BeanstalkEvent(environment="front", time=BEGIN + timedelta(seconds=10 * n), message=text) for n, text in enumerate(texts[:upto])
    ]


def _host(pk: str, version: str, status: str = "Deployed", target: str = "healthy") -> Host:
    return Host(
        instance_id=pk, name=pk, version=version, deployment_status=status, target_state=target, health_status="Info", maintenance="off"
    )


PLANNED = [
    {"name": name, "instance_id": pk, "ip": "10.0.0.1", "tier": "front", "beanstalk": "front"}
    for name, pk in (("fe-1", ONE), ("fe-2", TWO))
]


def _drawn(upto: int, *hosts: Host, over: bool = False) -> list[lanes.Lane]:
    events = {"front": _events(upto=upto)}
    return lanes.lanes_of(PLANNED, {host.pk: host for host in hosts}, events, label=LABEL, over=over, failed_at=None)


def test_a_host_moves_through_its_phases_while_the_next_waits() -> None:
    for upto, phase in ((1, "draining"), (2, "draining"), (3, "commands"), (4, "commands"), (5, "registering"), (6, "done")):
        one, two = _drawn(upto, _host(ONE, OLD, "In Progress"), _host(TWO, OLD))
        assert (one.phase, two.phase) == (phase, "waiting"), upto


def test_phases_follow_each_other_without_a_gap() -> None:
    one, _ = _drawn(6, _host(ONE, LABEL), _host(TWO, OLD))
    assert [span.name for span in one.phases] == ["draining", "commands", "registering"]
    assert [span.end for span in one.phases] == [one.phases[1].start, one.phases[2].start, BEGIN + timedelta(seconds=50)]


def test_a_failed_host_is_told_by_its_own_state_and_not_by_an_events_words() -> None:
    one, two = _drawn(9, _host(ONE, LABEL), _host(TWO, LABEL, "Failed", "unused"), over=True)
    assert (one.phase, two.phase) == ("done", "failed")
    assert two.tg == ("warn", "unused")


def test_a_host_that_nobody_sees_is_unknown() -> None:
    one, _ = _drawn(0, _host(TWO, OLD))
    assert one.phase == "unknown"
    assert one.eb == ("unknown", "unknown")


def test_hosts_that_are_deployed_at_the_same_time_move_with_the_step_of_their_tier() -> None:
    """Beanstalk names none of them then."""

    def drawn(one: Host, two: Host, end: datetime | None) -> list[lanes.Lane]:
        hosts = {host.pk: host for host in (one, two)}
        return lanes.at_once(_drawn(0, one, two), hosts, {"front": (BEGIN, end)})

    def told(*found: lanes.Lane) -> list[tuple[object, ...]]:
        return [(lane.phase, lane.started, lane.ended, lane.said) for lane in found]

    end = BEGIN + timedelta(seconds=40)
    moving = drawn(_host(ONE, OLD), _host(TWO, OLD), None)
    assert [(lane.phase, lane.started) for lane in moving] == [("replacing", BEGIN)] * 2

    untouched = ("waiting", None, None, f"Not seen to be replaced. Beanstalk says of it: Deployed, {OLD}")
    failed = drawn(_host(ONE, LABEL, "Failed"), _host(TWO, OLD), end)
    assert told(*failed) == [("failed", BEGIN, end, "Failed"), untouched], "the new label is named on a failed host, too"
    refused = drawn(_host(ONE, OLD), _host(TWO, OLD), end)
    assert told(*refused) == [untouched] * 2
    half = drawn(_host(ONE, LABEL), _host(TWO, LABEL, "In Progress"), end)
    assert told(*half)[0] == ("done", BEGIN, end, "Done")
    assert told(*half)[1] == ("waiting", None, None, f"Not seen to be replaced. Beanstalk says of it: In Progress, {LABEL}")

    hosts = {pk: _host(pk, OLD) for pk in (ONE, TWO)}
    assert [lane.phase for lane in lanes.at_once(_drawn(0, *hosts.values()), hosts, {})] == ["waiting"] * 2
