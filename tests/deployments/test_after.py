"""What a release cost, its steps against history, the evidence pack, the markers for charts, and who is told."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deployments import after, panels
from deployments.lanes import Lane
from deployments.models import Evidence
from estate.models import ShopAnswer
from estate.shop import measured
from people.models import Operator
from people.notifications.models import Notification
from runs import markers
from runs.models import Run, Step
from tests import scenery

pytestmark = pytest.mark.django_db
BEGAN = datetime.fromisoformat("2026-11-25T02:00:00+00:00")


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _lane(name: str, start: float, end: float, tier: str = "front") -> Lane:
    lights = ("ok", "Ok")
    whole: dict[str, Any] = {"host": name, "instance_id": f"i-{name}", "ip": "", "version": "r2", "target_version": "r2"}
    whole |= {"phase": "done", "phases": (), "eb": lights, "tg": lights, "maintenance": "off", "said": ""}
    return Lane(**whole, tier=tier, started=_at(start), ended=_at(end))


def _answers(*spans: tuple[float, float, str]) -> list[tuple[datetime, datetime | None, str]]:
    return [(_at(second), None, state) for begin, end, state in spans for second in range(int(begin), int(end))]


def test_each_second_of_a_run_is_counted_once() -> None:
    answers = _answers((0, 10, "open"), (10, 30, "closed"), (30, 35, "broken"), (35, 100, "open"))
    down = measured(answers, BEGAN, _at(100))
    lanes = [_lane("be", 12, 20, "back"), _lane("fe-1", 40, 60), _lane("fe-2", 60, 80)]
    cost = after.cost(down, lanes)
    assert (cost.closed, cost.broken, cost.unknown) == (20, 5, 0)
    assert cost.mixed == 20, "fe-1 has the new code, fe-2 not yet"
    assert cost.degraded == 20, "fe-1 is out; while fe-2 is, versions are mixed already"
    assert cost.well == 10 + 65 - 40
    assert sum((cost.closed, cost.broken, cost.mixed, cost.degraded, cost.well, cost.unknown)) == 100


def test_a_shop_that_was_closed_is_not_called_mixed() -> None:
    down = measured(_answers((0, 100, "closed")), BEGAN, _at(100))
    cost = after.cost(down, [_lane("fe-1", 10, 40), _lane("fe-2", 40, 70)])
    assert (cost.closed, cost.mixed, cost.degraded, cost.well) == (100, 0, 0, 0)


def test_one_host_is_never_mixed() -> None:
    down = measured(_answers((0, 50, "open")), BEGAN, _at(50))
    cost = after.cost(down, [_lane("fe-1", 10, 40)])
    assert (cost.mixed, cost.degraded, cost.well) == (0, 30, 20)


def _ended(releaser: Operator, *, took: float = 600, build: float = 5) -> Run:
    now = timezone.now()
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, started=now - timedelta(seconds=took), ended=now)
    Run.objects.filter(pk=run.pk).update(holds_lock=False)
    for step in run.steps.all():
        seconds = build if step.key == "build" else 2
        Step.objects.filter(pk=step.pk).update(state="done", started=now - timedelta(seconds=seconds), ended=now)
    return Run.objects.select_related("plan").get(pk=run.pk)


def test_steps_are_held_against_earlier_runs(releaser: Operator) -> None:
    for _ in range(3):
        _ended(releaser, build=5)
    (slow,) = [each for each in after.step_times(_ended(releaser, build=60)) if each.title.startswith("Build")]
    assert (round(slow.seconds), round(slow.usual or 0), round(slow.slower or 0)) == (60, 5, 55)
    (same,) = [each for each in after.step_times(_ended(releaser, build=6)) if each.title.startswith("Build")]
    assert same.slower is None


def test_another_way_is_no_measure(releaser: Operator) -> None:
    """Behind the curtain all hosts are deployed at once; as written, one after the other."""
    _ended(releaser, build=30)
    window = _ended(releaser, build=3)
    window.plan.document["facts"]["way"] = "migration-aware:window"
    window.plan.save(update_fields=["document"])
    assert {each.usual for each in after.step_times(window)} == {None}
    (build,) = [each for each in after.step_times(_ended(releaser, build=31)) if each.title.startswith("Build")]
    assert round(build.usual or 0) == 30


def test_the_page_says_what_it_cost(client: Client, releaser: Operator, viewer: Operator) -> None:
    scenery.observed()
    run = _ended(releaser)
    ShopAnswer.objects.all().delete()
    scenery.shop("open", run.started or BEGAN, 500)
    scenery.shop("closed", (run.started or BEGAN) + timedelta(seconds=500), 100)
    client.force_login(viewer)
    page = client.get(f"/runs/{run.number}/").content.decode()
    assert "What it cost" in page
    assert "1 min 40 s" in page
    assert f"/runs/{run.number}/evidence.zip" in page


def test_the_evidence_pack_has_everything_and_no_secret(client: Client, releaser: Operator, viewer: Operator) -> None:
    run = scenery.failed(releaser)
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    scenery.log(run, ("fe-2", f"exporting {key} now"), ("fe-2", "\x1b[1A\x1b[2Kstatics 50 %"))
    Evidence.objects.filter(run=run).update(text="\x1b]0;title\x07no space left\r\non the device")
    run.effects.update(answer={"url": f"https://user:hunter2hunter2@host/?{key}"})
    client.force_login(viewer)
    answer = client.get(f"/runs/{run.number}/evidence.zip")
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    names = {"run.json", "plan.json", "steps.json", "effects.json", "consent.json", "hosts.json", "log.txt", "README.txt", "summary.json"}
    assert names <= set(texts)
    assert json.loads(texts["run.json"])["number"] == run.number
    assert json.loads(texts["plan.json"])["hash"] == run.plan.hash
    assert any(name.startswith("hosts/fe-2-") and "no space left" in text for name, text in texts.items())
    assert "Batch 1" in texts["log.txt"]
    assert "\tstatics 50 %\n" in texts["log.txt"], "what moves a cursor is left out"
    assert not any(ord(letter) < 32 and letter not in "\t\n" for text in texts.values() for letter in text)
    assert not any(key in text or "hunter2" in text for text in texts.values())


def test_who_gets_the_pack(client: Client, releaser: Operator, stranger: Operator) -> None:
    run = scenery.failed(releaser)
    assert client.get(f"/runs/{run.number}/evidence.zip").status_code == 302
    client.force_login(stranger)
    assert client.get(f"/runs/{run.number}/evidence.zip").status_code == 403
    client.force_login(releaser)
    assert client.post(f"/runs/{run.number}/evidence.zip").status_code == 405
    assert client.get("/runs/999999/evidence.zip").status_code == 404
    assert client.get("/runs/99999999999999999999/evidence.zip").status_code == 404


def test_markers_are_the_releases_of_a_time(releaser: Operator) -> None:
    run = _ended(releaser)
    now = timezone.now()
    (marker,) = markers.between(now - timedelta(hours=1), now, environment="production")
    assert (marker.run, marker.version, marker.result, marker.end) == (run.number, scenery.NEW, "succeeded", run.ended)
    assert markers.between(now - timedelta(hours=1), now, environment="pre-production") == ()
    assert markers.between(now + timedelta(seconds=1), now + timedelta(hours=1)) == ()
    moving = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING, started=now)
    later = markers.between(now + timedelta(minutes=5), now + timedelta(hours=1))
    assert [(each.run, each.end) for each in later] == [(moving.number, None)], "it goes on"


def test_people_are_told_once_of_each_end(releaser: Operator) -> None:
    _ended(releaser)
    after.tell()
    after.tell()
    told = Notification.objects.get(kind="release")
    assert told.title == "Released: Release Magento production, r418"
    failed = scenery.failed(releaser)
    after.tell()
    assert Notification.objects.filter(title__startswith="Failed", url=f"/runs/{failed.number}/").count() == 1


def test_a_run_that_never_started_costs_nothing(releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    assert after.step_times(run) == []
    assert not any(panel.template.endswith("_after.html") for panel in panels.of_release(run, timezone.now(), releaser))
