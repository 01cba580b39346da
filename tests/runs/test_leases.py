"""Who works on a run: one at a time, and whoever lost it writes nothing any more."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from people.models import Operator
from runs import actions, clock
from runs.engine import tick
from runs.leases import Beat, Fenced, claim, expired
from runs.models import Effect, Run, Step
from runs.plan import Step as Planned
from tests.runs.conftest import Start
from tests.runs.world import World, act

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lease_is_given_once_until_it_ends(start: Start, world: World) -> None:
    run = start()
    first = claim(run.number)
    assert first is not None
    assert claim(run.number) is None
    assert 4 < first.left() <= 5
    Run.objects.filter(pk=run.pk).update(lease_until=clock.now() - 1)
    second = claim(run.number)
    assert second is not None
    assert second.epoch == first.epoch + 1
    assert first.left() == 0
    assert not first.renew()
    assert second.renew()


@pytest.mark.parametrize(
    ("wish", "left"),
    [(Run.Cancel.NONE, True), (Run.Cancel.AFTER_STEP, True), (Run.Cancel.ABORT, False), (Run.Cancel.STOP_WATCHING, False)],
)
def test_no_time_is_left_for_what_a_person_forbids(start: Start, world: World, releaser: Operator, wish: Run.Cancel, left: bool) -> None:
    run = start()
    lease = claim(run.number)
    assert lease is not None
    if wish != Run.Cancel.NONE:
        actions.cancel_run(run, wish, by=releaser)
    assert (lease.left() > 4) == left
    assert lease.renew()


def test_a_released_lease_can_be_had_at_once(start: Start, world: World) -> None:
    run = start()
    first = claim(run.number)
    assert first is not None
    first.release(wake_in=3)
    assert claim(run.number) is not None


def test_a_lease_from_before_the_machine_booted_holds_nobody_up(start: Start, world: World) -> None:
    run = start()
    assert claim(run.number) is not None
    Run.objects.filter(pk=run.pk).update(lease_until=clock.now() + 1_000_000)
    assert claim(run.number) is not None


@pytest.mark.parametrize("state", [Run.State.WAITING, Run.State.UNKNOWN, Run.State.SUCCEEDED, Run.State.FAILED, Run.State.CANCELLED])
def test_only_what_is_queued_or_running_is_worked_on(start: Start, world: World, state: str) -> None:
    run = start()
    Run.objects.filter(pk=run.pk).update(state=state)
    assert claim(run.number) is None
    Run.objects.filter(pk=run.pk).update(state=Run.State.RUNNING)
    assert claim(run.number) is not None


def test_an_old_worker_that_wakes_up_writes_nothing(start: Start, world: World) -> None:
    run = start()
    old = claim(run.number)
    assert old is not None
    with old.write(said="mine"):
        pass
    Run.objects.filter(pk=run.pk).update(lease_until=0)
    assert claim(run.number) is not None
    with pytest.raises(Fenced), old.write(said="still mine"):
        Step.objects.filter(run=run).update(said="not written")
    assert Run.objects.get(pk=run.pk).said == "mine"
    assert not Step.objects.filter(said="not written").exists()


def test_an_old_tick_that_wakes_up_in_the_middle_stops(start: Start, world: World) -> None:
    """It is held right after its intent; somebody else takes over and finishes; then it goes on, and nothing happens twice."""
    run = start(Planned("update", "Update", (act("update"), act("after"))))
    held, go_on = threading.Event(), threading.Event()

    def hold(point: str) -> None:
        if point == "probe update" and threading.current_thread().name == "old":
            held.set()
            assert go_on.wait(30)

    world.before = hold
    answers: list[bool] = []

    def old() -> None:
        answers.append(tick(run.number))
        connection.close()

    thread = threading.Thread(target=old, name="old")
    thread.start()
    assert held.wait(30)
    Run.objects.filter(pk=run.pk).update(lease_until=0)
    assert tick(run.number)
    go_on.set()
    thread.join(30)
    assert answers == [False]
    assert world.applied == {"update": 1, "after": 1}
    assert Run.objects.get(pk=run.pk).state == Run.State.SUCCEEDED


def test_many_ticks_at_once_do_each_effect_once(start: Start, world: World) -> None:
    run = start()

    def one(_: int) -> bool:
        try:
            return tick(run.number)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        worked = list(threads.map(one, range(8)))
    assert worked.count(True) >= 1
    assert Run.objects.get(pk=run.pk).state == Run.State.SUCCEEDED
    assert len(world.applied) == 6
    assert set(world.applied.values()) == {1}
    assert Effect.objects.filter(run=run).count() == 6


def test_too_little_of_a_lease_is_no_licence_to_act(start: Start, world: World, settings: Settings) -> None:
    run = start(Planned("update", "Update", (act("first"), act("update"))))

    def shorten(_: str) -> None:
        Run.objects.filter(pk=run.pk).update(lease_until=clock.now() + 1)

    original = Effect.save

    def save(self: Effect, **how: object) -> None:
        original(self, **how)  # type: ignore[arg-type]
        shorten("")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Effect, "save", save)
        tick(run.number)
    assert world.applied == {"first": 1}
    assert Run.objects.get(pk=run.pk).state == Run.State.RUNNING
    tick(run.number)
    assert world.applied == {"first": 1, "update": 1}


def test_the_beat_keeps_a_lease_and_ends_a_process_that_lost_it(start: Start, world: World, settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.4
    run = start()
    lease = claim(run.number)
    assert lease is not None
    ended, kept = threading.Event(), threading.Event()
    with Beat(lease, limit=60, before=kept.set, give_up=ended.set):
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            assert claim(run.number) is None
            time.sleep(0.02)
        assert not ended.is_set()
        Run.objects.filter(pk=run.pk).update(epoch=99)
        assert ended.wait(10)
    assert not kept.is_set(), "what it has to say is no longer the run's"


def test_what_was_given_back_is_free_whatever_the_clock_says(start: Start, world: World) -> None:
    """The database's clock may be set back, or be another server's."""
    run = start()
    lease = claim(run.number)
    assert lease is not None
    Run.objects.filter(pk=run.pk).update(lease_until=clock.now() + 10)
    assert claim(run.number) is None, "it is held"
    lease.release(wake_in=0)
    Run.objects.filter(pk=run.pk).update(lease_until=clock.now() + 10)
    assert Run.objects.filter(expired(), pk=run.pk).exists()
    assert claim(run.number) is not None


def test_the_beat_ends_a_process_whose_disk_hangs(start: Start, world: World, settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.4
    lease = claim(start().number)
    assert lease is not None
    ended, never = threading.Event(), threading.Event()
    with Beat(lease, limit=0.3, before=lambda: (never.wait(60), None)[1], give_up=ended.set):
        assert ended.wait(10)
    never.set()


def test_the_beat_ends_a_process_that_hangs(start: Start, world: World, settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.4
    run = start()
    lease = claim(run.number)
    assert lease is not None
    ended, kept = threading.Event(), threading.Event()
    with Beat(lease, limit=0.3, before=kept.set, give_up=lambda: ended.set() if kept.is_set() else None):
        assert ended.wait(10)
