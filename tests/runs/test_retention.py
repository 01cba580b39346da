"""What ends with time goes, what is younger stays, and nothing goes that a run may still need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments.models import Evidence
from estate.models import BeanstalkEvent, ShopAnswer
from handover.models import Change
from monitoring.alarms.models import Transition
from monitoring.board.models import Failover
from people.models import AuditEntry, Operator
from people.notifications.models import Channel, Delivery, Notification
from runs import reading, retention
from runs.models import Effect, LogChunk, LogHead, Plan, Run, Step
from tests import scenery

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SETTINGS = sorted({kind.setting for kind in retention.registered()})


@pytest.fixture(autouse=True)
def a_hundred_days(settings: Settings) -> None:
    for name in SETTINGS:
        setattr(settings, name, 100)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def over(by: Operator, days: float, *lines: str, **fields: Any) -> Run:
    """A run that ended so long ago, with a log."""
    run = scenery.run(scenery.plan(by), by, holds_lock=False)
    scenery.log(run, *[("fe-1", line) for line in lines])
    Run.objects.filter(pk=run.pk).update(**{"state": Run.State.SUCCEEDED, "created": ago(days + 1), "ended": ago(days), **fields})
    return Run.objects.get(pk=run.pk)


def event(days: float) -> BeanstalkEvent:
    made: BeanstalkEvent = BeanstalkEvent.objects.create(environment="e", time=ago(days), severity="INFO", message="x", digest=str(days))
    return made


def answer(days: float) -> ShopAnswer:
    made: ShopAnswer = ShopAnswer.objects.create(service="magento", environment="production", time=ago(days), state="open", seconds=0.1)
    return made


def transition(days: float, alarm: str = "cpu", kind: str = Transition.Kind.STATE) -> Transition:
    made: Transition = Transition.objects.create(alarm=alarm, at=ago(days), kind=kind, summary="OK to ALARM")
    return made


def failover(days: float, source: str = "db") -> Failover:
    made: Failover = Failover.objects.create(kind="database", source=source, at=ago(days), text="failover")
    return made


def change(days: float) -> Change:
    made: Change = Change.objects.create(claim=1, at=ago(days), after="agrees")
    return made


def notification(days: float, **fields: Any) -> Notification:
    told = {"kind": "release", "title": "x", "url": "/", "key": f"{days} {fields}", "spread": ago(days), **fields}
    made: Notification = Notification.objects.create(created=ago(days), **told)
    return made


MAKERS: dict[str, Callable[[float], Model]] = {
    "events of Beanstalk": event,
    "answers of shops": answer,
    "transitions of alarms": transition,
    "failovers": failover,
    "changes of claims": change,
    "notifications": notification,
}


def left(made: Iterable[Model]) -> list[bool]:
    return [type(row)._default_manager.filter(pk=row.pk).exists() for row in made]


@pytest.mark.parametrize("name", MAKERS)
def test_the_old_goes_the_young_stays_and_the_audit_trail_says_so(name: str, settings: Settings) -> None:
    rows = [MAKERS[name](days) for days in (300, 200, 101, 99, 1)]
    settings.KEEP_LOG_DAYS = settings.KEEP_EVIDENCE_DAYS = settings.KEEP_EVENT_DAYS = settings.KEEP_ALARM_DAYS = 0
    settings.KEEP_OBSERVATION_DAYS = settings.KEEP_NOTIFICATION_DAYS = 0  # for ever
    assert not any(retention.tidy().values())
    for setting in SETTINGS:
        setattr(settings, setting, 100)
    assert {kind: count for kind, count in retention.tidy().items() if count} == {name: 3}
    assert left(rows) == [False, False, False, True, True]
    assert not any(retention.tidy().values())
    told = AuditEntry.objects.get(action="clean up")
    assert (told.target, told.who, told.facts[name]) == ("what is kept for a number of days", "", "100 days")


def test_a_day_of_cleaning_up_is_one_row_of_the_audit_trail(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> int:
        return AuditEntry.objects.filter(action="clean up").count()

    retention.tidy()
    assert rows() == 0, "nothing was removed"
    for days in (300, 250, 200):
        event(days), answer(days), notification(days)
        assert sum(retention.tidy().values()) == 3
    assert rows() == 1
    settings.KEEP_EVENT_DAYS = 60
    event(70)
    retention.tidy()
    assert rows() == 2, "it says how long each is kept, and that is another time now"
    tomorrow = ago(-1.1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    event(70.5)
    retention.tidy()
    assert rows() == 3, "another day"


def test_a_kind_that_fails_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def fails(before: datetime, most: int) -> int:
        raise LookupError("of a test")

    rows = [event(300), answer(300)]
    kinds = retention.registered()
    broken = retention.Kind("broken", "KEEP_LOG_DAYS", (), fails)
    monkeypatch.setattr(retention, "registered", lambda: [broken, *kinds])
    settings.KEEP_ALARM_DAYS = 10**12
    with pytest.raises(ExceptionGroup) as failed:
        retention.tidy()
    assert [type(error) for error in failed.value.exceptions] == [LookupError, OverflowError]
    assert failed.value.exceptions[0].__notes__ == ["It was the turn of: broken."]
    assert left(rows) == [False, False]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "state, holds", [("queued", True), ("running", True), ("waiting", True), ("unknown", True), ("failed", True), ("failed", False)]
)
def test_nothing_goes_that_a_run_which_is_not_over_may_need(name: str, state: str, holds: bool, releaser: Operator) -> None:
    scenery.run(scenery.plan(releaser), releaser, state=state, holds_lock=holds, created=ago(250))
    rows = [MAKERS[name](days) for days in (300, 200, 1)]
    retention.tidy()
    assert left(rows) == [False, holds, True]


def test_what_says_since_when_stays_however_old_it_is() -> None:
    kept = [transition(300), transition(200, "ram"), failover(300)]
    gone = [transition(400), transition(300, "ram"), transition(290, "ram", Transition.Kind.NOTE), failover(400)]
    retention.tidy()
    assert left(kept) == [True] * 3
    assert left(gone) == [False] * 4


def test_what_is_still_on_its_way_to_somebody_stays(operator: Operator) -> None:
    channel = Channel.objects.create(owner=operator, how="mail")
    waiting, sent, new = notification(300), notification(301), notification(302, spread=None)
    Delivery.objects.create(notification=waiting, channel=channel)
    Delivery.objects.create(notification=sent, channel=channel, state=Delivery.State.SENT)
    retention.tidy()
    assert left([waiting, sent, new]) == [True, False, True]
    assert Delivery.objects.count() == 1


def test_an_answer_that_stands_for_many_goes_with_the_last_of_them() -> None:
    rows = [answer(300), answer(290)]
    ShopAnswer.objects.filter(pk=rows[0].pk).update(until=ago(5))
    retention.tidy()
    assert left(rows) == [True, False]


def test_the_lines_of_a_run_go_and_what_was_planned_and_done_stays(releaser: Operator, client: Client) -> None:
    old, young = over(releaser, 101, "one", "two"), over(releaser, 99, "three")
    before = [model.objects.count() for model in (Run, Plan, Step, Effect)]
    assert retention.tidy()["logs of runs"] > 0
    assert [model.objects.count() for model in (Run, Plan, Step, Effect)] == before
    assert (reading.read(old.pk), reading.first_number(old.pk), reading.last_number(old.pk)) == ([], 3, 2)
    assert [line.text for line in reading.read(young.pk)] == ["three"]
    assert LogHead.objects.get(run=old).bytes == 0
    assert retention.tidy()["logs of runs"] == 0
    client.force_login(releaser)
    page = " ".join(client.get(f"/runs/{old.pk}/").content.decode().split())
    assert "All 2 lines of it were removed after their time" in page
    assert "removed after" not in client.get(f"/runs/{young.pk}/").content.decode()
    assert {key: client.get(f"/api/v1/runs/{old.pk}/log").json()[key] for key in ("items", "first", "last")} == {
        "items": [], "first": 3, "last": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields", [{"state": "running", "ended": None}, {"state": "unknown"}, {"state": "failed", "holds_lock": True}], ids=str
)
def test_the_log_of_a_run_that_is_not_over_stays_whole(releaser: Operator, fields: dict[str, Any]) -> None:
    run = over(releaser, 300, "one", "two", **fields)
    retention.tidy()
    assert len(reading.read(run.pk)) == 2
    assert LogHead.objects.get(run=run).first == 1


def test_a_long_log_goes_in_small_batches_and_is_readable_in_between(releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    first, long = over(releaser, 400, "a"), over(releaser, 300)
    rows = [LogChunk(run=long, seq_first=n, seq_last=n, host="fe-1", time=NOW, text="0123456789") for n in range(1, 21)]
    LogChunk.objects.bulk_create(rows)
    LogHead.objects.filter(run=long).update(next_seq=21, bytes=200)
    assert retention.remove_lines(ago(100), 8) == 8
    head = LogHead.objects.get(run=long)
    assert (reading.first_number(first.pk), head.first, head.bytes) == (2, 8, 130)
    assert [line.seq for line in reading.read(long.pk)] == list(range(8, 21))
    assert retention.remove_lines(ago(100), 8) == 8
    assert retention.remove_lines(ago(100), 8) == 5
    assert retention.remove_lines(ago(100), 8) == 0
    assert (reading.first_number(long.pk), LogHead.objects.get(run=long).bytes) == (21, 0)


def test_a_copied_file_goes_and_that_it_was_there_stays(releaser: Operator, client: Client) -> None:
    run = over(releaser, 101)
    for days, path in ((101, "/var/log/old"), (99, "/var/log/young")):
        Evidence.objects.create(run=run, host="fe-1", instance_id="i-1", path=path, text="words", taken=ago(days))
    assert retention.tidy()["files copied from hosts"] == 1
    assert list(Evidence.objects.order_by("path").values_list("text", flat=True)) == ["", "words"]
    client.force_login(releaser)
    assert "removed after its time (KEEP_EVIDENCE_DAYS)" in client.get(reverse("deployments:evidence", args=(run.pk,))).content.decode()


def test_one_kind_has_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [event(200 + n) for n in range(5)]
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "LONGEST", 0.0)
    assert retention.tidy()["events of Beanstalk"] == 0
    assert all(left(rows))
    monkeypatch.setattr(retention, "LONGEST", 20.0)
    assert retention.tidy()["events of Beanstalk"] == 5
