"""One list of what ends: sorted, honest about what could not be read, and telling people once a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from django.utils import timezone

from estate import deadlines
from estate.deadlines import CannotCheck, Deadline
from estate.models import DeadlineSource
from people.notifications.models import Notification
from remote.aws import session
from remote.errors import Throttled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but those that a test registers."""
    monkeypatch.setattr(deadlines, "_sources", {})


def saying(*found: Deadline) -> Callable[[], Iterable[Deadline]]:
    return lambda: found


def in_days(days: float, key: str = "wildcard") -> Deadline:
    return Deadline(key, "certificate", f"Certificate {key}", timezone.now() + timedelta(days=days, minutes=1))


def aged(name: str, seconds: float) -> None:
    DeadlineSource.objects.filter(name=name).update(tried=timezone.now() - timedelta(seconds=seconds))


def test_the_list_goes_by_days_left_and_what_has_no_date_leads() -> None:
    deadlines.register(
        "Certificates", saying(in_days(90, "far"), in_days(3, "near"), Deadline("x", "disk", "Disk", None, why="No reading."))
    )
    deadlines.register("Quotas", saying(in_days(20, "middle")))
    deadlines.refresh()
    board = deadlines.read_all()
    assert [due.deadline.key for due in board.dues] == ["x", "near", "middle", "far"]
    assert [due.light for due in board.dues] == ["unknown", "bad", "warn", "ok"]
    assert board.unread == ()


def test_a_source_that_cannot_be_read_says_why_and_keeps_what_it_said() -> None:
    answers: list[object] = [(in_days(40),), Throttled("AWS wants a pause.", "Wait a minute."), CannotCheck("No table names this disk.")]

    def read() -> Iterable[Deadline]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, tuple)
        return answer

    deadlines.register("Certificates", read)
    assert deadlines.read_all().unread[0].why == "It has not been read yet."
    deadlines.refresh()
    assert deadlines.read_all().unread == ()
    for why in ("AWS wants a pause. Wait a minute.", "No table names this disk."):
        deadlines.refresh(max_age=0)
        board = deadlines.read_all()
        assert [due.deadline.key for due in board.dues] == ["wildcard"]
        assert board.unread[0].why == why
        assert board.unread[0].read is not None


def test_a_fault_in_one_source_keeps_no_other_from_being_read() -> None:
    def broken() -> Iterable[Deadline]:
        raise ZeroDivisionError

    deadlines.register("Before", saying(in_days(1, "before")))
    deadlines.register("Broken", broken)
    deadlines.register("After", saying(in_days(2, "after")))
    with pytest.raises(ZeroDivisionError):  # and the scheduler logs it
        deadlines.refresh()
    board = deadlines.read_all()
    assert [due.deadline.key for due in board.dues] == ["before", "after"]
    assert [(each.source, each.why) for each in board.unread] == [("Broken", deadlines.FAULT)]


def test_it_is_asked_when_it_is_due_and_sooner_after_a_failure() -> None:
    asked: list[bool] = []

    def read() -> Iterable[Deadline]:
        asked.append(session._once.get())
        if len(asked) == 2:
            raise Throttled("Later.")
        return ()

    deadlines.register("Certificates", read, every=3600)
    deadlines.refresh()
    deadlines.refresh()
    assert len(asked) == 1
    aged("Certificates", 3601)
    deadlines.refresh()
    assert len(asked) == 2
    aged("Certificates", 61)
    deadlines.refresh()
    assert len(asked) == 3
    aged("Certificates", 61)
    deadlines.refresh()
    assert asked == [False, False, True], "AWS is asked once where the last answer did not come"


def test_each_threshold_tells_once_and_a_renewal_tells_again() -> None:
    now = timezone.now()
    due: list[Deadline] = []
    deadlines.register("Certificates", lambda: due)
    for days, told in ((20, 1), (20, 1), (5, 2), (-1, 3), (400, 3), (6, 4)):
        due[:] = [Deadline("wildcard", "certificate", "Certificate wildcard", now + timedelta(days=days, minutes=5))]
        deadlines.refresh(max_age=0)
        assert Notification.objects.count() == told, days
    said = ["ends in 20 days", "ends in 5 days", "is over", "ends in 6 days"]
    assert list(Notification.objects.order_by("pk").values_list("title", flat=True)) == [f"Certificate wildcard {each}" for each in said]
