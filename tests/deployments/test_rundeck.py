"""The bridge to Rundeck against the one that the sandbox plays: jobs, a job run and followed, one that fails, a lost reply, refusals."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments import rundeck
from deployments.rundeck import Unconfirmed
from estate.reading import current
from people.models import Operator
from people.permissions import Forbidden
from remote.errors import Denied, NotFound, Refused
from remote.rundeck import Server
from runs import reading
from runs.actions import LockHeld, cancel_run
from runs.engine import tick
from runs.models import Effect, Run
from tests import box, scenery
from tests.working import through

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
WARM, REINDEX, DEPLOY = (
    "6f0c5a1e-4d7b-4b83-9b51-1d2f7c9e8a01",
    "b81d3c52-90a7-4e16-8c0d-5e7a64f21b02",
    "0d94e7b6-2c38-47f5-a6e9-83b1f05dca03",
)


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.TICK_SECONDS = 1.5
    found = box.Control(sandbox)
    found.clear()
    yield found
    found.clear()
    found.close()


def _run(id: str, by: Operator, *, arguments: str = "") -> Run:
    return rundeck.run_job(id, arguments=arguments, confirmation="production", idempotency_key=uuid.uuid4().hex, by=by)


def test_a_job_is_run_and_its_output_follows_here_line_by_line(control: box.Control, releaser: Operator) -> None:
    names = [job.name for job in rundeck.jobs()]
    assert {"Warm the category pages", "Reindex the search", "Deploy magento PROD"} == set(names)
    run = through(_run(WARM, releaser, arguments="-pages 12"))
    assert run.state == Run.State.SUCCEEDED, run.said
    lines = [line.text for line in reading.lines(run.number)]
    assert [line for line in lines if "categories" in line][1:] == [
        "[rundeck] 48 of 212 categories",
        "[rundeck] 130 of 212 categories",
        "[rundeck] 212 of 212 categories, slowest 1.9 s",
    ]
    number = Effect.objects.get(run=run).answer["execution"]
    newest = Server(current().rundeck.url).executions(WARM)[0]  # type: ignore[union-attr]
    assert (newest.id, newest.status, newest.user, newest.arguments) == (number, "succeeded", "ops-console", "-pages 12")


def test_one_that_fails_says_where_to_look(control: box.Control, releaser: Operator) -> None:
    run = through(_run(DEPLOY, releaser))
    assert run.state == Run.State.FAILED
    assert "ended as failed" in run.said
    assert "/execution/show/" in run.said


def test_a_start_whose_reply_is_lost_is_found_and_not_repeated(control: box.Control, releaser: Operator) -> None:
    server = Server(current().rundeck.url)  # type: ignore[union-attr]
    end = time.monotonic() + 120  # those of other tests are nobody's here, and would be doubtful while they are young
    while any(rundeck._since(each, timezone.now() - timedelta(seconds=6)) for each in server.executions(WARM)):
        assert time.monotonic() < end
        time.sleep(0.2)
    before = len(server.executions(WARM, most=200))
    control.fault("rundeck-lost-reply")
    run = through(_run(WARM, releaser))
    assert run.state == Run.State.SUCCEEDED, run.said
    assert len(server.executions(WARM, most=200)) == before + 1


def test_it_is_aborted_there(control: box.Control, releaser: Operator) -> None:
    control.speed(2)
    try:
        run = _run(REINDEX, releaser)
        end = time.monotonic() + 60
        while "execution" not in (Effect.objects.filter(run=run).values_list("answer", flat=True).first() or {}):
            tick(run.number)
            assert time.monotonic() < end
        run.refresh_from_db()
        cancel_run(run, Run.Cancel.ABORT, by=releaser)
        control.speed(100)
        assert through(run).state == Run.State.CANCELLED
        assert "abort execution" in run.said
        assert Server(current().rundeck.url).executions(REINDEX)[0].status == "aborted"  # type: ignore[union-attr]
    finally:
        control.speed(100)


def test_its_jobs_exclude_a_release(control: box.Control, releaser: Operator) -> None:
    held = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    with pytest.raises(LockHeld, match=f"Run {held.number}"):
        _run(WARM, releaser)
    Run.objects.filter(pk=held.pk).update(state=Run.State.SUCCEEDED, holds_lock=False)
    assert _run(WARM, releaser).lock_group == "magento-production"


def test_what_is_refused(control: box.Control, releaser: Operator, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Forbidden, match="releaser"):
        _run(WARM, operator)
    with pytest.raises(Unconfirmed, match="Type “production”"):
        rundeck.run_job(WARM, arguments="", confirmation="", idempotency_key=uuid.uuid4().hex, by=releaser)
    for hostile in ("$(id)", "a\nb", "`id`", "-x 'y'", "x" * 401, "–dash", "\x00"):
        with pytest.raises(ValidationError, match="arguments"):
            _run(WARM, releaser, arguments=hostile)
    with pytest.raises(Refused, match="no such job"):
        _run("no-such-job", releaser)
    with pytest.raises(NotFound):
        Server(current().rundeck.url).jobs("another")  # type: ignore[union-attr]
    monkeypatch.setenv("RUNDECK_TOKEN", "wrong-token-of-a-test")
    with pytest.raises(Denied) as denied:
        rundeck.jobs()
    assert "wrong-token" not in str(denied.value)
    assert not Run.objects.exists()


def test_the_pages_show_and_run(control: box.Control, client: Client, releaser: Operator, viewer: Operator) -> None:
    client.force_login(viewer)
    assert "Warm the category pages" in client.get("/rundeck/").content.decode()
    page = client.get(f"/rundeck/{WARM}/").content.decode()
    assert "name: Warm the category pages" in page
    assert "one has to be a releaser" in page
    assert client.post(f"/rundeck/{WARM}/run/", {"confirmation": "production"}).status_code == 403
    assert client.get(f"/rundeck/{WARM}/run/").status_code == 405
    client.force_login(releaser)
    assert client.post(f"/rundeck/{WARM}/run/", {"confirmation": "prod"}).status_code == 409
    assert client.post(f"/rundeck/{WARM}/run/", {"confirmation": "production", "arguments": "$(id)"}).status_code == 422
    key = {"confirmation": "production", "idempotency_key": "one-key-of-a-test"}
    began = client.post(f"/rundeck/{WARM}/run/", key)
    again = client.post(f"/rundeck/{WARM}/run/", key)
    run = Run.objects.get()
    assert began["Location"] == again["Location"] == f"/runs/{run.number}/"
    assert through(run).state == Run.State.SUCCEEDED
    assert "execution" in client.get(f"/runs/{run.number}/").content.decode()
    assert f"/runs/{run.number}/" in client.get(f"/rundeck/{WARM}/").content.decode()


def test_a_rundeck_that_is_away_is_said_and_nothing_breaks(
    control: box.Control, client: Client, viewer: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client.force_login(viewer)
    for path in ("/rundeck/", f"/rundeck/{WARM}/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "No connection" in answer.content.decode()


def test_executions_of_long_ago_are_not_taken_for_ours(control: box.Control, releaser: Operator) -> None:
    newest = Server(current().rundeck.url).executions(DEPLOY)[-1]  # type: ignore[union-attr]
    assert newest.started is not None
    assert newest.started < timezone.now() - timedelta(days=1)
    assert not rundeck._since(newest, timezone.now() - timedelta(seconds=5))
