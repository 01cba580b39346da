"""Workers and the scheduler as processes, with a real queue: killed, hung up, ended, and rung by strangers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from sentry_sdk.transport import HttpTransport

from live.wire import client as redis_client
from opsconsole import workers
from people.models import Operator
from runs import actions, doorbell, draining, reconcile
from runs.models import Duty, Run
from runs.plan import Act, Plan, Step
from runs.reading import read
from tests.sentry import Intake
from tests.valkey import Valkey

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
Begin = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(autouse=True)
def redis_is_there(quick: None, valkey: Valkey) -> None:
    """After `quick`, which takes it away."""


@pytest.fixture
def begin(tmp_path: Path, valkey: Valkey) -> Iterator[Begin]:
    begun: list[subprocess.Popen[bytes]] = []
    database = str(connection.settings_dict["NAME"])
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{database}" if connection.vendor != "sqlite" else f"sqlite:///{database}"
    more = {
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "DATABASE_URL": url,
        "REDIS_URL": valkey.url,
        "LEASE_SECONDS": "2",
        "TICK_SECONDS": "20",
        "RING_SECONDS": "0.2",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none-at-all",
    }

    def process(*what: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.runs.process", str(tmp_path), *what]
        begun.append(subprocess.Popen(argv, cwd=django_settings.BASE_DIR, env={**os.environ, **more}))
        return begun[-1]

    yield process
    for each in begun:
        each.kill()
        each.wait()


@pytest.fixture
def release(releaser: Operator) -> Callable[[], Run]:
    def press() -> Run:
        steps = (Step("one", "One", (Act("files", "first", "fe-1"), Act("files", "second", "fe-1"))),)
        made = actions.save_plan(Plan("release", "Release", "magento", "production", "magento-production", steps), by=releaser)
        return actions.start_run(made, hash=made.hash, idempotency_key=uuid.uuid4().hex, by=releaser)

    return press


def until(reached: Callable[[], bool], seconds: float = 80) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def state(run: Run) -> str:
    return Run.objects.values_list("state", flat=True).get(pk=run.pk)


def applied(folder: Path) -> list[str]:
    return (folder / "applied").read_text().split() if (folder / "applied").exists() else []


def test_a_worker_takes_up_what_was_pressed(begin: Begin, release: Callable[[], Run], tmp_path: Path) -> None:
    begin("worker")
    run = release()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]
    assert [line.text for line in read(run.number)] == ["doing first", "doing second"]


def test_killed_with_its_worker_a_run_goes_on_elsewhere(begin: Begin, release: Callable[[], Run], tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    first = begin("worker")
    run = release()
    until((tmp_path / "alive").exists)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    old = (tmp_path / "alive").read_text().split()[0]
    begin("worker")
    begin("scheduler")
    until(lambda: (tmp_path / "alive").read_text().split()[-1] != old)
    seen = (tmp_path / "alive").read_text().split().count(old)
    (tmp_path / "hold").unlink()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert (tmp_path / "alive").read_text().split().count(old) == seen, "the work-horse outlived its parent"
    assert applied(tmp_path) == ["first", "second"]


def test_asked_to_end_a_worker_hands_over_at_once(begin: Begin, release: Callable[[], Run], tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    first = begin("worker")
    run = release()
    until((tmp_path / "alive").exists)
    first.terminate()
    assert first.wait(30) == 0
    assert Run.objects.get(pk=run.pk).lease_owner == ""
    (tmp_path / "hold").unlink()
    begin("worker")
    begin("scheduler")
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]


def test_a_run_pressed_without_redis_begins_when_it_is_back(
    begin: Begin, release: Callable[[], Run], tmp_path: Path, valkey: Valkey
) -> None:
    begin("worker")
    begin("scheduler")
    warm = release()
    until(lambda: state(warm) == Run.State.SUCCEEDED)
    (tmp_path / "applied").unlink()
    valkey.stop()
    run = release()
    assert run.state == Run.State.QUEUED
    valkey.start()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]


def test_a_scheduler_alone_can_do_without_redis(begin: Begin, release: Callable[[], Run], tmp_path: Path, valkey: Valkey) -> None:
    valkey.stop()
    try:
        run = release()
        begin("scheduler", "--inline")
        until(lambda: state(run) == Run.State.SUCCEEDED)
        assert applied(tmp_path) == ["first", "second"]
    finally:
        valkey.start()


def test_no_stranger_gets_in_by_ringing(begin: Begin, release: Callable[[], Run], tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    queue = Queue(doorbell.QUEUE, connection=redis_client(), serializer=JSONSerializer)
    queue.enqueue("os.system", f"touch {canary}")
    queue.enqueue("subprocess.call", [["touch", str(canary)]])
    hostile = Callback("os.system")
    queue.enqueue(doorbell.TICK, 0, on_success=hostile, on_failure=hostile, on_stopped=hostile)
    queue.enqueue(doorbell.TICK, str(canary))
    queue.enqueue(doorbell.TICK, number=1)
    raw = Job.create("x", connection=redis_client(), serializer=JSONSerializer, origin=doorbell.QUEUE)
    raw.save()
    pickled = b"cposix\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR."
    redis_client().hset(raw.key, "data", pickled)
    queue.push_job_id(raw.id)
    begin("worker")
    run = release()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert not canary.exists()
    assert applied(tmp_path) == ["first", "second"]


def test_a_run_that_has_ended_is_not_started_by_an_old_job(begin: Begin, release: Callable[[], Run], tmp_path: Path) -> None:
    begin("worker")
    run = release()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    (tmp_path / "applied").unlink()
    for _ in range(3):
        doorbell.ring(run.number)
    later = release()
    until(lambda: state(later) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]


def test_drained_of_everything_workers_hand_over_and_go_on_when_it_is_lifted(
    begin: Begin, release: Callable[[], Run], tmp_path: Path, admin: Operator
) -> None:
    (tmp_path / "hold").touch()
    workers = [begin("worker"), begin("worker")]
    begin("scheduler")
    run = release()
    until((tmp_path / "alive").exists)
    draining.drain("the database moves", everything=True, by=admin)
    until(lambda: not Run.objects.get(pk=run.pk).lease_owner)
    epoch, seen = Run.objects.get(pk=run.pk).epoch, (tmp_path / "alive").read_text()
    (tmp_path / "hold").unlink()
    later = actions.check_now(run, by=admin)  # a person asks for it, and is not heard either
    looked = scheduler_looks()
    until(lambda: scheduler_looks() > looked + 5)
    assert (later.epoch, state(run)) == (epoch, Run.State.RUNNING)
    assert (tmp_path / "alive").read_text() == seen
    assert applied(tmp_path) == ["first"]
    assert all(worker.poll() is None for worker in workers)
    assert draining.lift(by=admin) == [run.number]
    until(lambda: state(run) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]


def test_drained_of_what_is_new_a_run_under_way_ends_and_the_next_waits(
    begin: Begin, release: Callable[[], Run], tmp_path: Path, admin: Operator
) -> None:
    (tmp_path / "hold").touch()
    begin("worker")
    begin("scheduler")
    run = release()
    until((tmp_path / "alive").exists)
    draining.drain("an upgrade", by=admin)
    (tmp_path / "hold").unlink()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    (tmp_path / "applied").unlink()
    waits = release()
    looked = scheduler_looks()
    until(lambda: scheduler_looks() > looked + 5)
    assert (state(waits), applied(tmp_path)) == (Run.State.QUEUED, [])
    assert draining.lift(by=admin) == [waits.number]
    until(lambda: state(waits) == Run.State.SUCCEEDED)
    assert applied(tmp_path) == ["first", "second"]


def scheduler_looks() -> int:
    """How often the scheduler has looked: its duty's moments, counted by whoever asks often enough."""
    last = Duty.objects.filter(name=reconcile.DUTY).values_list("ran", flat=True).first()
    if last is not None and (not _looks or _looks[-1] != last):
        _looks.append(last)
    return len(_looks)


_looks: list[datetime] = []


@pytest.mark.parametrize("how, type_, logger", [("breaks", "ValueError", "runs.work"), ("ends", "Ends", "runs.worker")])
def test_a_sentry_is_told_of_a_fault_in_a_tick_before_its_process_ends(
    begin: Begin,
    release: Callable[[], Run],
    tmp_path: Path,
    intake: Intake,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    type_: str,
    logger: str,
) -> None:
    monkeypatch.setenv("SENTRY_DSN", intake.dsn)
    monkeypatch.setenv("RUNDECK_TOKEN", "secret-that-the-console-has")
    (tmp_path / how).touch()
    begin("worker")
    run = release()
    event = intake.until(1)[0]
    [fault] = event["exception"]["values"]
    assert (event["tags"], event["logger"], fault["type"]) == ({"run": str(run.number)}, logger, type_)
    assert fault["value"] == ("26, and [secret]" if how == "breaks" else "")
    assert fault["stacktrace"]["frames"][-1]["function"] == "do"
    assert b"secret-" not in intake.raw[0]


def test_no_tick_and_no_worker_waits_for_a_sentry_that_hangs(
    begin: Begin, release: Callable[[], Run], tmp_path: Path, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.answers.clear()
    monkeypatch.setenv("SENTRY_DSN", intake.dsn)
    monkeypatch.setenv("RUNDECK_TOKEN", "secret-that-the-console-has")
    (tmp_path / "breaks").touch()
    worker = begin("worker")
    run = release()
    intake.until(1)
    until(lambda: state(run) == Run.State.UNKNOWN and not Run.objects.get(pk=run.pk).lease_owner, HttpTransport.TIMEOUT)
    worker.terminate()
    assert worker.wait(30) == 0
    assert not intake.answers.is_set()


def test_a_killed_worker_is_called_lost_within_some_beats_and_one_that_lives_never(
    begin: Begin, release: Callable[[], Run], tmp_path: Path, valkey: Valkey, client: Client, viewer: Operator
) -> None:
    """Three of them: one is killed, one is idle, one is in a tick that lasts."""
    (tmp_path / "hold").touch()
    begun = {process.pid: process for process in (begin("worker"), begin("worker"), begin("worker"))}

    def seen() -> dict[int, workers.Living]:
        with workers.connection() as asked:
            return {worker.pid: worker for worker in workers.living(asked)}

    until(lambda: set(seen()) == set(begun))
    release()
    until(lambda: any(worker.busy for worker in seen().values()))
    client.force_login(viewer)
    assert client.get("/console/").content.decode().count("not heard of for") == 0
    killed = begun.pop(next(worker.pid for worker in seen().values() if not worker.busy))
    killed.kill()
    killed.wait()
    lost_at = 0.0
    while not lost_at or time.monotonic() < lost_at + workers.FRESH_SECONDS:
        now = seen()
        assert all(now[pid].is_fresh for pid in begun), "one that lives was called lost"
        if not lost_at and not now[killed.pid].is_fresh:
            lost_at = time.monotonic()
            page = client.get("/console/").content.decode()
            assert page.count("not heard of for") == 1
            assert client.get("/readyz").json()["workers"]["count"] == 2
        time.sleep(0.2)
    for each in begun.values():
        each.kill()
        each.wait()
    until(lambda: not any(worker.is_fresh for worker in seen().values()))
    parts = client.get("/readyz").json()["workers"]
    assert (parts["ok"], parts["count"]) == (False, 0)
    assert "the last one was heard of" in parts["said"]


def test_asked_to_end_while_redis_is_away_a_worker_ends(begin: Begin, release: Callable[[], Run], valkey: Valkey) -> None:
    worker = begin("worker")
    run = release()
    until(lambda: state(run) == Run.State.SUCCEEDED)
    valkey.stop()
    try:
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        valkey.start()
