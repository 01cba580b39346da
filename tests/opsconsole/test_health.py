"""The console's own health, told to load balancers: alive, and ready or not, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from rq import Worker
from rq.serializers import JSONSerializer

from opsconsole import health, workers
from runs import worker as running
from runs.models import Duty
from tests.valkey import Valkey


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(str(tmp_path_factory.mktemp("v")))
    server.start()
    yield server
    server.stop()


def asked(path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    response = Client().get(path)
    return response.status_code, json.loads(response.content)


def test_alive_needs_nothing() -> None:
    assert asked("/healthz") == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "web:8000", "10.0.0.7:8000"])
def test_machines_ask_by_any_name_and_people_by_the_console_s_own(host: str, settings: Settings, valkey_server: Valkey) -> None:
    """The image's health check, the proxy's, and Prometheus: none of them knows how people call the console."""
    settings.ALLOWED_HOSTS, settings.SITE_URL = ["ops.client.url"], "https://ops.client.url"
    settings.REDIS_URL = valkey_server.url
    status = {path: Client().get(path, headers={"host": host}).status_code for path in (*health.INSIDE, "/sign-in/", "/healthz/x")}
    assert status == {"/healthz": 200, "/readyz": 503, "/metrics": 200, "/sign-in/": 400, "/healthz/x": 400}
    assert Client().get("/sign-in/", headers={"host": "ops.client.url"}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_looking_is_possible(path: str) -> None:
    assert Client().post(path).status_code == 405


@pytest.mark.django_db
def test_without_redis_it_is_not_ready_and_says_which_part(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey"
    Duty.objects.create(name="estate", ran=timezone.now())
    status, parts = asked()
    assert status == 503
    assert parts["database"]["ok"]
    assert parts["scheduler"]["ok"]
    assert not parts["redis"]["ok"]
    assert not parts["workers"]["ok"]
    assert parts["frames"]["said"].endswith("see REDIS_URL")


def test_a_worker_that_waits_for_work_is_heard_of_before_it_counts_as_gone(settings: Settings, valkey_server: Valkey) -> None:
    settings.REDIS_URL = valkey_server.url
    worker = running._worker()
    assert max(worker.dequeue_timeout, worker.job_monitoring_interval) * 2 < workers.FRESH_SECONDS


def test_a_worker_of_another_version_is_not_held_to_the_beat_of_this_one(settings: Settings) -> None:
    """In the middle of an upgrade: one of before shows itself less often, and takes runs all the same."""

    def is_fresh(version: str, age: float) -> bool:
        return workers.Living("w", "machine-7", 12, version, age, since=None, busy=False).is_fresh

    settings.CODE_VERSION = "r418"
    assert [is_fresh("r418", age) for age in (5.0, 45.0)] == [True, False]
    assert [is_fresh("r417", age) for age in (45.0, 3600.0)] == [True, False]


@pytest.mark.parametrize("at_work", [False, True])
def test_a_worker_that_redis_has_forgotten_is_seen_again_at_its_next_beat(settings: Settings, valkey_server: Valkey, at_work: bool) -> None:
    """Redis has lost everything, or heard nothing of it for too long: its machine stood still, or was cut off."""
    settings.REDIS_URL = valkey_server.url
    worker = running._worker()
    worker.register_birth()  # type: ignore[no-untyped-call]
    worker.set_state("busy" if at_work else "idle")
    try:
        with workers.connection() as asked:
            [known] = workers.living(asked)
            asked.flushall()
            assert workers.living(asked) == []
            with worker.connection.pipeline() as pipeline:
                worker.heartbeat(pipeline=pipeline if at_work else None)
                pipeline.execute()
            [seen] = workers.living(asked)
        assert (seen.name, seen.since, seen.busy, seen.is_fresh) == (known.name, known.since, at_work, True)
    finally:
        worker.register_death()  # type: ignore[no-untyped-call]


@pytest.mark.django_db
def test_ready_with_a_worker_and_a_scheduler(settings: Settings, valkey_server: Valkey) -> None:
    settings.REDIS_URL = valkey_server.url
    with redis.Redis.from_url(valkey_server.url) as connection:
        status, parts = asked()
        assert status == 503
        assert parts["workers"]["said"] == "no worker takes runs; start one"
        assert parts["scheduler"]["said"] == "the scheduler never ran; start it"
        worker = Worker(["runs"], connection=connection, serializer=JSONSerializer, name="a-worker")
        worker.register_birth()  # type: ignore[no-untyped-call]
        try:
            Duty.objects.create(name="estate", ran=timezone.now())
            status, parts = asked()
            assert (status, parts["status"]) == (200, "ready")
            assert (parts["workers"]["count"], parts["workers"]["age"] < 5) == (1, True)
            assert parts["scheduler"]["age"] < 5
            assert parts["frames"]["ok"]
            settings.LIVE_REDIS_URLS = [valkey_server.url, "unix:///nowhere/valkey"]
            status, parts = asked()
            assert (status, parts["status"]) == (200, "ready"), "a release needs no live frames"
            assert parts["frames"]["said"].startswith("1 of 2 ")
            assert parts["frames"]["said"].endswith("see LIVE_REDIS_URLS")
            connection.hset(worker.key, "last_heartbeat", (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
            parts = asked()[1]["workers"]
            assert (parts["ok"], parts["count"]) == (False, 0)
            assert parts["said"] == f"no worker takes runs: the last one was heard of {int(parts['age'])} s ago; start one"
        finally:
            worker.register_death()  # type: ignore[no-untyped-call]


@pytest.mark.django_db
def test_a_scheduler_that_stopped_is_seen(settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey"
    Duty.objects.create(name="estate", ran=timezone.now() - timedelta(seconds=health.SCHEDULER_SECONDS + 1))
    scheduler = asked()[1]["scheduler"]
    assert not scheduler["ok"]
    assert scheduler["age"] > health.SCHEDULER_SECONDS
