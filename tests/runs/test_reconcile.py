"""What nobody works on is found; what is to be done again and again is done by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from runs import clock, doorbell, duties, periodic
from runs.leases import claim
from runs.models import Duty, Run
from runs.periodic import Periodic
from runs.reconcile import look_after_runs, neglected, reconcile, seconds_since_last_look
from tests.runs.conftest import Start
from tests.runs.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "_registered", {})


def test_a_run_is_neglected_when_nobody_has_it_and_its_time_has_come(start: Start, world: World) -> None:
    run = start()
    assert neglected() == [run.number]
    lease = claim(run.number)
    assert lease is not None
    assert neglected() == []
    lease.release(wake_in=60)
    assert neglected() == []
    Run.objects.filter(pk=run.pk).update(wake_at=clock.now() - 1)
    assert neglected() == [run.number]
    Run.objects.filter(pk=run.pk).update(state=Run.State.WAITING)
    assert neglected() == []


def test_a_waking_time_from_before_the_last_boot_is_now(start: Start, world: World) -> None:
    run = start()
    Run.objects.filter(pk=run.pk).update(wake_at=clock.now() + 1_000_000)
    assert neglected() == [run.number]


def test_it_is_rung_for_and_not_at_each_look(start: Start, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []

    def ring(number: int) -> bool:
        rung.append(number)
        return True

    monkeypatch.setattr(doorbell, "ring", ring)
    run = start()
    rung.clear()
    reconcile()
    reconcile()
    assert rung == [run.number]


def test_without_redis_it_goes_on_looking(start: Start, world: World) -> None:
    run = start()
    assert reconcile() == [run.number]
    assert reconcile() == [run.number]
    assert reconcile(inline=True) == [run.number]
    assert Run.objects.get(pk=run.pk).state == Run.State.SUCCEEDED
    assert reconcile() == []


@pytest.fixture
def scheduler(settings: Settings) -> Iterator[threading.Event]:
    settings.RING_SECONDS = 0.02
    stop = threading.Event()
    yield stop
    stop.set()


def test_the_scheduler_says_when_it_last_looked_and_does_what_is_registered(scheduler: threading.Event) -> None:
    calls: list[str] = []
    enough = threading.Event()

    def well() -> None:
        calls.append("well")
        if calls.count("well") >= 3 and calls.count("badly") >= 3:
            enough.set()

    def badly() -> None:
        calls.append("badly")
        raise LookupError("nothing there")

    assert seconds_since_last_look() is None
    periodic.register("well", 0.01, well)
    periodic.register("badly", 0.01, badly)
    thread = threading.Thread(target=look_after_runs, args=(scheduler,))
    thread.start()
    assert enough.wait(20)
    scheduler.set()
    thread.join(20)
    age = seconds_since_last_look()
    assert age is not None
    assert age < 20
    assert dict(Duty.objects.values_list("name", "error")) == {"scheduler": "", "well": "", "badly": "failed"}


def test_a_duty_is_one_scheduler_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert duties.take("poll", seconds=30)
    assert duties.take("poll", seconds=30)
    with monkeypatch.context() as other:
        other.setattr(duties, "ME", "another")
        assert not duties.take("poll", seconds=30)
        assert not periodic.once(Periodic("poll", 1, lambda: None))
        Duty.objects.update(until=clock.now() - 1)
        assert duties.take("poll", seconds=30)
    assert not duties.take("poll", seconds=30)


def test_a_name_is_registered_once() -> None:
    periodic.register("poll", 1, lambda: None)
    with pytest.raises(ValueError, match="twice"):
        periodic.register("poll", 1, lambda: None)
