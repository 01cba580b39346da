"""What is done again and again: when its time has come, by whoever has the duty."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
