"""A list costs ten queries at most, and as many with ten times as many rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from estate.models import BeanstalkEvent, Host
from estate.reading import current
from monitoring.alarms.models import Alarm, Transition
from people import audit
from people.models import Operator, Role
from runs.models import Run, Step
from tests import scenery
from tests.valkey import Valkey

pytestmark = pytest.mark.django_db
LISTS = (
    "/", "/services/", "/runs/", "/runs/?service=magento&state=failed", "/alarms/", "/deadlines/", "/health/", "/estate/", "/handover/",
    "/people/", "/audit/", "/access/", "/access/allow-list/", "/access/exposure/", "/monitoring/",
    "/by-hand/windows/", "/rundeck/", "/console/",
)  # fmt: skip


def more(run: Run, count: int) -> None:
    """`count` of all that grows: runs (each holds a lock of its own), hosts, events, alarms, transitions, people, audit rows."""
    at = timezone.now()
    begun = Run.objects.count()
    for number in range(begun, begun + count):
        facts = {
            "plan": run.plan,
            "kind": "release",
            "title": "r",
            "service": "magento",
            "environment": "production",
            "code_version": "test",
        }
        made = Run.objects.create(
            **facts, lock_group=f"g{number}", requested_by=run.requested_by, idempotency_key=f"more-{number}", state="running"
        )
        Step.objects.create(run=made, position=1, key="one", title="One")
        Host.objects.create(
            instance_id=f"i-{number}", name=f"fe-{number}", environment="production", service="magento", tier="front", state="running",
            beanstalk="client-magento-prod", seen=at,
        )  # fmt: skip
        BeanstalkEvent.objects.create(environment="client-magento-prod", time=at, severity="INFO", message="m", digest=str(number))
        Alarm.objects.create(
            name=f"alarm {number}", definition={}, state="ALARM", since=at, changed=at, seen=at, acknowledged_by=run.requested_by
        )
        Transition.objects.create(alarm=f"alarm {number}", at=at - timedelta(days=1), kind="StateUpdate", new="ALARM", summary="s")
        audit.record("effect", by=run.requested_by, target="fe-1", run=made.number)
        Operator.objects.create_user(username=f"p{number}", role=Role.VIEWER)


def test_every_list_costs_ten_queries_at_most_whatever_the_size(
    client: Client, admin: Operator, releaser: Operator, valkey: Valkey
) -> None:
    run = scenery.failed(releaser)
    at = timezone.now()
    scenery.alarms_read(at)
    assert current().alarms
    client.force_login(admin)
    more(run, 3)
    few = {path: _queries(client, path) for path in LISTS}
    more(run, 30)
    many = {path: _queries(client, path) for path in LISTS}
    assert {path: count for path, count in many.items() if count > 10} == {}
    assert many == few


def _queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200, path
    return len(found)
