"""Small operations of the estate's things: shown on the card, run by the engine, each found again by its key."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from estate import inventory
from estate.models import Resource
from handover import operations
from handover.effects import Invalidate, StartHost, TakeSnapshot
from people.models import Operator
from remote.aws import disks, network
from remote.aws.session import tell
from runs.effects import CannotTell, Context, Done, NotDone, Running
from runs.models import Plan, Run
from runs.plan import Act
from tests.scenery import Silent

pytestmark = pytest.mark.django_db
PRESSED = datetime(2026, 1, 5, tzinfo=UTC)


def context(key: str, *, run: int = 1, ago: float = 0, pressed_at: datetime = PRESSED, **answer: Any) -> Context:
    """As the engine makes it: with an offset in every answer. `ago`: seconds since the intent."""
    return Context(
        run=run,
        epoch=1,
        facts={},
        intent_at=timezone.now() - timedelta(seconds=ago),
        pressed_at=pressed_at,
        answer={"offset": 0, **answer},
        out=lambda host: Silent(),
        cancelled=lambda: False,
        patience=0,
        key=key,
    )


def known(source: str, kind: str, **wanted: Any) -> Resource:
    asked = inventory.source(source)
    inventory.keep(asked, asked.read())
    return Resource.objects.filter(kind=kind, gone=None, **wanted)[:1].get()


def act_of(resource: Resource, key: str) -> Act:
    return operations.drawn(resource, operations.OPERATIONS[key]).steps[0].acts[0]


def test_a_snapshot_is_found_again_by_its_reference(sandbox: dict[str, str]) -> None:
    """Whatever the time of its intent: in a database that was put back it is not known any more."""
    act, now = act_of(known("volumes", "volume", name="nfs-data-f"), "snapshot"), timezone.now()
    before = {each.id for each in disks.snapshots()}
    assert isinstance(TakeSnapshot().probe(act, context("snapshot", pressed_at=now)), Running)
    assert isinstance(TakeSnapshot().probe(act, context("snapshot", pressed_at=now, ago=31)), NotDone)  # the call comes no more
    assert isinstance(TakeSnapshot().probe(act, context("snapshot", pressed_at=now, ago=31, snapshot="snap-1")), CannotTell)
    answer = TakeSnapshot().do(act, context("snapshot", pressed_at=now))
    for finding in (
        TakeSnapshot().probe(act, context("snapshot", pressed_at=now, **answer)),
        TakeSnapshot().probe(act, context("snapshot", pressed_at=now, ago=600)),
    ):
        assert isinstance(finding, Done)
        assert finding.answer["snapshot"] == answer["snapshot"]
    assert {each.id for each in disks.snapshots()} - before == {answer["snapshot"]}
    assert isinstance(TakeSnapshot().probe(act, context("snapshot", run=2, pressed_at=now)), Running)  # another run's is not its own
    assert isinstance(TakeSnapshot().probe(act, context("snapshot", ago=31)), NotDone)  # nor that of this number in another database


def test_an_invalidation_is_followed_to_its_end(sandbox: dict[str, str]) -> None:
    act, now = act_of(known("distributions", "distribution"), "invalidate"), timezone.now()
    assert isinstance(Invalidate().probe(act, context("invalidate", pressed_at=now)), NotDone)
    answer = Invalidate().do(act, context("invalidate", pressed_at=now))
    again = Invalidate().do(act, context("invalidate", pressed_at=now))
    assert again == answer  # a late repeat is replayed
    assert isinstance(Invalidate().probe(act, context("invalidate", pressed_at=now, **answer)), Running | Done)
    assert Invalidate().do(act, context("invalidate", run=2, pressed_at=now)) != answer


def test_a_host_is_started_and_proven_to_run(sandbox: dict[str, str]) -> None:
    machine = known("machines", "instance", name="ansible")
    tell("ec2", "stop_instances", InstanceIds=[machine.key])
    try:
        assert network.state_of(machine.key) == "stopped"
        stopped = known("machines", "instance", name="ansible")
        assert [each.key for each in operations.operations_of(stopped)] == ["start"]
        act = act_of(stopped, "start")
        assert isinstance(StartHost().probe(act, context("k")), Running)
        assert isinstance(StartHost().probe(act, context("k", ago=31)), NotDone)
        assert isinstance(StartHost().probe(act, context("k", ago=31, accepted="x")), CannotTell)
        StartHost().do(act, context("k"))
        assert isinstance(StartHost().probe(act, context("k", accepted="x")), Done)
    finally:
        network.start(machine.key)
    assert "start" not in [each.key for each in operations.operations_of(known("machines", "instance", name="ansible"))]


@pytest.fixture
def volume() -> Resource:
    now = timezone.now()
    facts = {"gib": 50, "device": "/dev/sdf"}
    return Resource.objects.create(
        kind="volume", key="vol-1", name="nfs-data-f", source="volumes", facts=facts, first_seen=now, changed=now
    )


def sent(**more: str) -> dict[str, str]:
    return {"confirmation": "nfs-data-f", "idempotency_key": str(uuid.uuid4()), **more}


URL = "/estate/volume/vol-1/operations/snapshot/"


def test_what_the_card_shows_is_what_is_started_and_once(client: Client, releaser: Operator, volume: Resource) -> None:
    client.force_login(releaser)
    assert "aws ec2 create-snapshot --volume-id vol-1" in client.get("/estate/volume/vol-1/").content.decode()
    form = sent()
    first, second = client.post(URL, form), client.post(URL, form)
    assert first.status_code == second.status_code == 302
    run = Run.objects.get()
    assert (run.kind, run.lock_group, run.environment) == ("estate", "volume-vol-1", "production")
    assert Plan.objects.get().document == operations.drawn(volume, operations.OPERATIONS["snapshot"]).to_json()


def test_one_at_a_time(client: Client, releaser: Operator, volume: Resource) -> None:
    client.force_login(releaser)
    assert client.post(URL, sent()).status_code == 302
    response = client.post(URL, sent())
    assert response.status_code == 409
    assert Run.objects.count() == Plan.objects.count() == 1


@pytest.mark.parametrize(
    "url, form, status",
    [
        (URL, sent(confirmation="something"), 422),
        (URL, sent(idempotency_key="§"), 422),
        ("/estate/volume/vol-1/operations/start/", sent(), 422),
        ("/estate/volume/none/operations/snapshot/", sent(), 404),
    ],
)
def test_what_is_sent_badly_starts_nothing(
    client: Client, releaser: Operator, volume: Resource, url: str, form: dict[str, str], status: int
) -> None:
    client.force_login(releaser)
    assert client.post(url, form).status_code == status
    assert not Run.objects.exists()


def test_who_may_not_start_anything(client: Client, operator: Operator, volume: Resource) -> None:
    client.force_login(operator)
    assert client.post(URL, sent()).status_code == 403
    assert "to make snapshots, invalidate paths and start hosts" in client.get("/estate/volume/vol-1/").content.decode()
    assert not Run.objects.exists()


def host(beanstalk: str) -> Resource:
    now = timezone.now()
    facts = {"state": "stopped", "beanstalk": beanstalk}
    return Resource.objects.create(kind="instance", key="i-1", name="fe-1", source="machines", facts=facts, first_seen=now, changed=now)


@pytest.mark.parametrize(
    "beanstalk, environment, opens", [("client-magento-preprod", "pre-production", True), ("client-magento-prod", "production", False)]
)
def test_an_operator_starts_a_host_of_pre_production_alone(
    client: Client, operator: Operator, beanstalk: str, environment: str, opens: bool
) -> None:
    """What its card offers is what is accepted: the environment is the one of what is released to the host, not read out of its key."""
    host(beanstalk)
    client.force_login(operator)
    assert ('action="/estate/instance/i-1/operations/start/"' in client.get("/estate/instance/i-1/").content.decode()) is opens
    response = client.post("/estate/instance/i-1/operations/start/", sent(confirmation="fe-1"))
    assert response.status_code == (302 if opens else 403)
    assert [run.environment for run in Run.objects.all()] == ([environment] if opens else [])


def test_what_is_gone_has_no_operation(volume: Resource) -> None:
    volume.gone = timezone.now()
    assert operations.operations_of(volume) == []


def test_a_lock_s_name_has_room_in_the_database_and_tells_two_things_apart() -> None:
    """SQLite keeps any length, PostgreSQL refuses the run."""
    arn = "arn:aws:acm:eu-west-3:123456789012:certificate/eca8cbe9-2008-4c14-b18b-16aa5f6abbf"
    locks = [operations.lock_of(Resource(kind="certificate", key=f"{arn}{end}")) for end in "45"]
    assert len(set(locks)) == 2
    assert max(map(len, locks)) <= (Run._meta.get_field("lock_group").max_length or 0)
    assert operations.lock_of(Resource(kind="certificate", key=f"{arn}4")) == locks[0]
    assert operations.lock_of(Resource(kind="volume", key="vol-1")) == "volume-vol-1"
