"""What a person does about a run, and the log: permission, wrong method, bad input, and the accepted twin of each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.test import AsyncClient, Client

from opsconsole.asgi import application
from people.models import Operator
from runs import log_views, reading
from runs.models import Run, Step
from tests import scenery

pytestmark = pytest.mark.django_db


@pytest.fixture
def rolling(releaser: Operator) -> Run:
    return scenery.rolling(releaser)


@pytest.fixture
def failed(releaser: Operator) -> Run:
    return scenery.failed(releaser)


def told(client: Client, path: str, **posted: str) -> str:
    response = client.post(path, posted, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def log_of(client: Client, run: Run, query: str = "") -> Any:
    response = client.get(f"/runs/{run.number}/log.json{query}")
    assert response.status_code == 200
    return json.loads(response.content)


# -- the list


def test_every_run_is_listed(client: Client, viewer: Operator, failed: Run) -> None:
    client.force_login(viewer)
    said = client.get("/runs/").content.decode()
    assert f"Run {failed.number}" in said
    assert "holds its lock" in said


def test_the_list_can_be_narrowed(client: Client, viewer: Operator, failed: Run) -> None:
    client.force_login(viewer)
    assert f"Run {failed.number}</a>" in client.get("/runs/?state=failed&environment=production").content.decode()
    assert f"Run {failed.number}</a>" not in client.get("/runs/?environment=pre-production").content.decode()
    assert client.get("/runs/?before=abc&state=nonsense&environment=nowhere").status_code == 200


@pytest.mark.parametrize("before", ["²", "-1", "1.5", "9" * 19, "9" * 5000])
def test_a_place_in_the_list_that_is_no_number_is_the_top(client: Client, viewer: Operator, failed: Run, before: str) -> None:
    client.force_login(viewer)
    answer = client.get("/runs/", {"before": before})
    assert answer.status_code == 200
    assert f"Run {failed.number}</a>" in answer.content.decode()
    assert client.get("/runs/", {"before": "9" * 18}).status_code == 200


def test_older_runs_are_a_link_away(client: Client, viewer: Operator, releaser: Operator) -> None:
    made = scenery.plan(releaser)
    for _ in range(51):
        scenery.run(made, releaser, holds_lock=False, state=Run.State.SUCCEEDED)
    client.force_login(viewer)
    first = client.get("/runs/").content.decode()
    oldest, next_oldest = Run.objects.order_by("number")[:2]
    assert f"Run {oldest.number}</a>" not in first
    assert f"?before={next_oldest.number}" in first
    assert f"Run {oldest.number}</a>" in client.get(f"/runs/?before={next_oldest.number}").content.decode()


# -- cancelling


@pytest.mark.parametrize("strength", ["after_step", "abort", "stop_watching"])
def test_a_releaser_stops_a_run(client: Client, releaser: Operator, rolling: Run, strength: str) -> None:
    client.force_login(releaser)
    told(client, f"/runs/{rolling.number}/cancel", strength=strength)
    rolling.refresh_from_db()
    assert rolling.cancel == strength
    assert rolling.cancelled_by == releaser


@pytest.mark.parametrize("strength", ["", "none", "at once"])
def test_a_stop_without_a_strength_is_refused(client: Client, releaser: Operator, rolling: Run, strength: str) -> None:
    client.force_login(releaser)
    assert "Nothing has been changed" in told(client, f"/runs/{rolling.number}/cancel", strength=strength)
    rolling.refresh_from_db()
    assert rolling.cancel == "none"


def test_a_viewer_may_not_stop_it(client: Client, viewer: Operator, rolling: Run) -> None:
    client.force_login(viewer)
    assert "one has to be a releaser" in told(client, f"/runs/{rolling.number}/cancel", strength="abort")
    rolling.refresh_from_db()
    assert rolling.cancel == "none"


def test_what_has_ended_cannot_be_stopped(client: Client, releaser: Operator, failed: Run) -> None:
    client.force_login(releaser)
    assert "nothing to cancel" in told(client, f"/runs/{failed.number}/cancel", strength="abort")


@pytest.mark.parametrize("name", ["cancel", "release-lock", "check-now", "resume", "give-up", "steps/7/by-hand"])
def test_nothing_is_done_by_a_link(client: Client, releaser: Operator, rolling: Run, name: str) -> None:
    client.force_login(releaser)
    assert client.get(f"/runs/{rolling.number}/{name}").status_code == 405


# -- deciding


def test_the_lock_is_released_with_a_reason(client: Client, releaser: Operator, failed: Run) -> None:
    client.force_login(releaser)
    assert "Say why" in told(client, f"/runs/{failed.number}/release-lock", reason=" ")
    failed.refresh_from_db()
    assert failed.holds_lock
    assert "others may start" in told(client, f"/runs/{failed.number}/release-lock", reason="fe-2 was looked at")
    failed.refresh_from_db()
    assert not failed.holds_lock


def test_a_failed_run_goes_on_from_its_step(client: Client, releaser: Operator, failed: Run) -> None:
    client.force_login(releaser)
    told(client, f"/runs/{failed.number}/resume")
    failed.refresh_from_db()
    assert failed.state == Run.State.RUNNING


def test_a_step_done_by_hand_needs_its_evidence(client: Client, releaser: Operator, failed: Run) -> None:
    client.force_login(releaser)
    step = failed.steps.get(state=Step.State.FAILED)
    path = f"/runs/{failed.number}/steps/{step.position}/by-hand"
    assert "Paste what shows" in told(client, path, evidence="")
    told(client, path, evidence="eb deploy … ok")
    step.refresh_from_db()
    assert step.state == Step.State.BY_HAND


def test_an_unknown_run_is_asked_about_or_given_up(client: Client, releaser: Operator, rolling: Run) -> None:
    client.force_login(releaser)
    Run.objects.update(state=Run.State.UNKNOWN, said="No answer came to UpdateEnvironment.")
    said = client.get(f"/runs/{rolling.number}/").content.decode()
    assert "Nobody knows whether" in said
    assert "Check now" in said
    told(client, f"/runs/{rolling.number}/check-now")
    rolling.refresh_from_db()
    assert rolling.state == Run.State.RUNNING
    Run.objects.update(state=Run.State.UNKNOWN)
    assert "Given up" in told(client, f"/runs/{rolling.number}/give-up", reason="nobody can tell")
    rolling.refresh_from_db()
    assert rolling.state == Run.State.FAILED


# -- the log


def test_the_log_by_number(client: Client, viewer: Operator, rolling: Run) -> None:
    client.force_login(viewer)
    whole = log_of(client, rolling)
    assert (whole["head"], whole["last"]) == (7, 7)
    assert [chunk["first"] for chunk in whole["chunks"]] == [1, 2, 3, 4, 7]
    assert log_of(client, rolling, "?after=7") == {"head": 7, "last": 7, "chunks": []}


def test_the_log_after_the_highest_number_is_empty(client: Client, viewer: Operator, rolling: Run) -> None:
    client.force_login(viewer)
    assert log_of(client, rolling, "?after=" + "9" * 18)["chunks"] == []


def test_the_log_of_one_host_or_with_a_word(client: Client, viewer: Operator, rolling: Run) -> None:
    client.force_login(viewer)
    assert [chunk["first"] for chunk in log_of(client, rolling, "?host=fe-1")["chunks"]] == [2, 4, 5, 6]
    assert [chunk["text"] for chunk in log_of(client, rolling, "?contains=CONNECTIONS")["chunks"]] == ["212 connections open"]


@pytest.mark.parametrize(
    "query", ["?after=-1", "?after=x", "?after=1.5", "?after=", "?after=²", "?after=" + "9" * 19, "?after=" + "9" * 5000]
)
def test_a_log_after_nothing_sensible(client: Client, viewer: Operator, rolling: Run, query: str) -> None:
    client.force_login(viewer)
    assert client.get(f"/runs/{rolling.number}/log.json{query}").status_code == 400


@sync_to_async
def signed_in(viewer: Operator) -> AsyncClient:
    client = AsyncClient()
    client.force_login(viewer)
    return client


def read_slowly(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three lines at a time; after which number each was asked for."""
    asked: list[int] = []
    read = reading.read

    def few(number: int, after: int, limit: int) -> list[reading.Line]:
        asked.append(after)
        return read(number, after, limit)

    monkeypatch.setattr(log_views, "MOST", 3)
    monkeypatch.setattr(reading, "read", few)
    return asked


@pytest.mark.django_db(transaction=True)
async def test_the_log_to_take_away_is_plain_and_never_held_whole(
    viewer: Operator, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolling = await sync_to_async(scenery.rolling)(releaser)
    client = await signed_in(viewer)
    asked = read_slowly(monkeypatch)
    response = await client.get(f"/runs/{rolling.number}/log.txt")
    pages = aiter(response.streaming_content)  # type: ignore[attr-defined]
    text = (await anext(pages)).decode()
    assert text.count("\n") == 3
    assert asked == [0]  # nothing is read ahead of who takes it
    async for page in pages:
        text += page.decode()
    assert asked == [0, 3, 6, 7]
    assert response["Content-Disposition"] == f'attachment; filename="run-{rolling.number}.log"'
    assert [line.split("\t")[0] for line in text.splitlines()] == ["1", "2", "3", "4", "5", "6", "7"]
    assert "\x1b" not in text


@pytest.mark.django_db(transaction=True)
async def test_the_log_leaves_the_web_process_page_by_page(viewer: Operator, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    rolling = await sync_to_async(scenery.rolling)(releaser)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in (await signed_in(viewer)).cookies.items())
    read_slowly(monkeypatch)
    headers = [(b"host", b"testserver"), (b"cookie", cookies.encode())]
    path = f"/runs/{rolling.number}/log.txt"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers, "http_version": "1.1"}
    browser: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    await browser.send_input({"type": "http.request", "body": b""})
    assert (await browser.receive_output(10))["status"] == 200
    bodies = []
    async with asyncio.timeout(20):
        while (message := await browser.receive_output(10)).get("more_body"):
            bodies.append(message["body"].count(b"\n"))
    assert [lines for lines in bodies if lines] == [3, 3, 1]
    await browser.wait(10)


def test_without_script_the_page_searches(client: Client, viewer: Operator, rolling: Run) -> None:
    client.force_login(viewer)
    said = client.get(f"/runs/{rolling.number}/?host=fe-2&contains=connections").content.decode()
    assert "212 connections open" in said
    assert "Every gate is open" not in said


def test_strangers_read_no_log(client: Client, stranger: Operator, rolling: Run) -> None:
    for path in ("", "live", "log.json", "log.txt"):
        assert client.get(f"/runs/{rolling.number}/{path}").status_code == 302
    client.force_login(stranger)
    for path in ("", "live", "log.json", "log.txt"):
        assert client.get(f"/runs/{rolling.number}/{path}").status_code == 403
