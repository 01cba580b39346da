"""What is done again and again: when its time has come, by whoever has the duty."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from runs import duties, periodic
from runs.models import Duty
from runs.periodic import Periodic

DAY = 86_400.0


def once(each: Periodic) -> bool:
    """In a thread, whose connection it closes."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(periodic.once, each).result()


@pytest.mark.django_db(transaction=True)
def test_what_is_done_once_a_day_is_not_done_again_by_a_new_process_and_is_when_a_day_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    daily = Periodic("verified", DAY, lambda: done.append(duties.ME))
    assert once(daily)
    monkeypatch.setattr(duties, "ME", "another process")
    assert not once(daily)
    # A day later: the process of before has ended, and its hold with it.
    held = Duty.objects.get(name="verified").until
    Duty.objects.filter(name="verified").update(ran=timezone.now() - timedelta(days=1), until=held - DAY)
    assert once(daily)
    assert done[1:] == ["another process"]


@pytest.mark.django_db(transaction=True)
def test_a_hold_ends_long_before_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    daily = Periodic("verified", DAY, lambda: None)
    assert once(daily)
    Duty.objects.filter(name="verified").update(ran=timezone.now() - timedelta(days=1))
    monkeypatch.setattr(duties, "ME", "another process")
    assert not once(daily)  # it may be at it at this moment
    hour = Duty.objects.get(name="verified").until - 3600
    Duty.objects.filter(name="verified").update(until=hour)
    assert once(daily)


@pytest.mark.django_db(transaction=True)
def test_what_is_done_every_second_asks_no_clock() -> None:
    done: list[int] = []
    often = Periodic("ring", 1.0, lambda: done.append(1))
    assert once(often)
    assert once(often)
    assert len(done) == 2


class Slow(Future[bool]):
    """Ends at the third look."""

    def __init__(self, meanwhile: Callable[[], object] = int) -> None:
        super().__init__()
        self.looks, self.meanwhile = list[float](), meanwhile

    def exception(self, timeout: float | None = None) -> BaseException | None:
        assert timeout is not None
        self.looks.append(timeout)
        if len(self.looks) == 3:
            return None
        self.meanwhile()
        raise TimeoutError


HOURLY = Periodic("hourly", 3600.0, int)


def waited_for(slow: Slow) -> float:
    """How long its hold lasts still, which was to end in a minute when it was looked at first."""
    assert duties.take(HOURLY.name, seconds=60)
    before = Duty.objects.get(name=HOURLY.name).until
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(periodic._end, slow, HOURLY).result() is None
    return Duty.objects.get(name=HOURLY.name).until - before + 60


@pytest.mark.django_db(transaction=True)
def test_what_takes_longer_than_its_hold_has_it_renewed_before_it_ends() -> None:
    slow = Slow()
    assert waited_for(slow) >= HOURLY.hold
    assert all(look <= HOURLY.hold / 3 for look in slow.looks)


@pytest.mark.django_db(transaction=True)
def test_what_hangs_does_not_keep_its_duty_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "PATIENCE", 0.0)
    assert waited_for(Slow()) == 60


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_somebody_else_has_is_not_renewed() -> None:
    def taken() -> None:
        Duty.objects.filter(name=HOURLY.name).update(owner="another machine")

    assert waited_for(Slow(taken)) == 60
    assert Duty.objects.get(name=HOURLY.name).owner == "another machine"
