"""What a person can do with plans and runs, and when it is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from people.models import AuditEntry, Operator
from people.permissions import Forbidden
from remote.errors import Refused, Unanswered
from runs import actions, doorbell
from runs.engine import tick
from runs.models import TITLE, Plan, Run, Step
from runs.plan import Step as PlannedStep
from tests.runs.conftest import Start
from tests.runs.world import World, planned

pytestmark = pytest.mark.django_db(transaction=True)


def begin(made: Plan, by: Operator, *, hash: str = "", idempotency_key: str = "") -> Run:
    return actions.start_run(made, hash=hash or made.hash, idempotency_key=idempotency_key or uuid.uuid4().hex, by=by)


def failed(start: Start, world: World) -> Run:
    world.ends_badly.add("update")
    run = start()
    tick(run.number)
    world.ends_badly.clear()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    return run


def unknown(start: Start, world: World) -> Run:
    world.lose["update"] = Unanswered("no answer came.")
    world.silent.add("update")
    run = start()
    tick(run.number)
    world.silent.clear()
    run.refresh_from_db()
    assert run.state == Run.State.UNKNOWN
    return run


def test_the_stored_plan_is_the_plan_word_for_word(releaser: Operator) -> None:
    value = planned()
    made = actions.save_plan(value, by=releaser)
    made.refresh_from_db()
    assert made.hash == value.hash == type(value).from_json(made.document).hash


def test_a_plan_in_which_two_acts_have_one_key_is_not_kept(releaser: Operator) -> None:
    value = planned()
    twice = replace(value, steps=(*value.steps, replace(value.steps[0], key="again")))
    with pytest.raises(ValueError, match=f"more than one act {value.steps[0].acts[0].key}"):
        actions.save_plan(twice, by=releaser)
    assert not Plan.objects.exists()


def test_who_may_plan_and_start(releaser: Operator, operator: Operator, viewer: Operator, stranger: Operator) -> None:
    for person in (operator, viewer, stranger):
        with pytest.raises(Forbidden):
            actions.save_plan(planned(), by=person)
    made = actions.save_plan(planned(), by=releaser)
    for person in (operator, viewer, stranger):
        with pytest.raises(Forbidden):
            begin(made, person)
    assert begin(made, releaser).state == Run.State.QUEUED
    there = actions.save_plan(planned(group="magento-pre-production", environment="pre-production"), by=operator)
    assert begin(there, operator).state == Run.State.QUEUED


def test_another_hash_than_the_one_looked_at_starts_nothing(releaser: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)
    with pytest.raises(actions.PlanChanged):
        begin(made, releaser, hash="0" * 64)
    made.document["title"] = "Release something else"
    made.save()
    with pytest.raises(actions.PlanChanged):
        begin(made, releaser)
    assert not Run.objects.exists()


def test_a_plan_that_this_code_cannot_read_is_refused_in_words(releaser: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)
    for document in ({}, {**made.document, "of newer code": 1}):
        made.document = document
        made.save()
        with pytest.raises(actions.PlanChanged, match=r"cannot read it\. Make a new plan"):
            begin(made, releaser)
    assert not Run.objects.exists()


def test_the_same_key_gives_the_same_run(releaser: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)
    first = begin(made, releaser, idempotency_key="press-1")
    assert begin(made, releaser, idempotency_key="press-1") == first
    other = actions.save_plan(planned(group="vpn"), by=releaser)
    with pytest.raises(actions.KeyReused):
        begin(other, releaser, idempotency_key="press-1")
    assert begin(other, releaser, idempotency_key="press-2") != first


def test_the_lock_is_held_by_one_and_names_its_holder(releaser: Operator, admin: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)
    first = begin(made, releaser)
    with pytest.raises(actions.LockHeld) as held:
        begin(made, admin)
    assert held.value.run == first
    assert f"Run {first.number}" in str(held.value)
    assert "releaser" in str(held.value)
    elsewhere = actions.save_plan(planned(group="magento-pre-production", environment="pre-production"), by=admin)
    assert begin(elsewhere, admin).number != first.number


def test_of_twenty_who_press_at_once_one_starts(releaser: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)

    def press(number: int) -> str:
        try:
            return f"run {begin(made, releaser, idempotency_key=f'press-{number}').number}"
        except actions.LockHeld as held:
            return f"held by run {held.run.number}"
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(press, range(20)))
    run = Run.objects.get()
    assert sorted(answers) == sorted([f"run {run.number}"] + [f"held by run {run.number}"] * 19)


def test_of_ten_double_clicks_with_one_key_all_get_the_same_run(releaser: Operator) -> None:
    made = actions.save_plan(planned(), by=releaser)

    def press(_: int) -> int:
        try:
            return begin(made, releaser, idempotency_key="one press").number
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        assert len(set(threads.map(press, range(10)))) == 1


def test_a_failed_run_keeps_its_lock_until_it_is_released(start: Start, world: World, releaser: Operator, operator: Operator) -> None:
    run = failed(start, world)
    with pytest.raises(actions.LockHeld, match="failed and still holds"):
        start()
    with pytest.raises(Forbidden):
        actions.release_lock(run, "looked at it", by=operator)
    with pytest.raises(actions.NotNow):
        actions.release_lock(run, "  ", by=releaser)
    released = actions.release_lock(run, "all hosts are on r417 again", by=releaser)
    assert (released.holds_lock, released.lock_released_by, released.lock_release_reason) == (
        False,
        releaser,
        "all hosts are on r417 again",
    )
    assert start().state == Run.State.QUEUED
    with pytest.raises(actions.NotNow):
        actions.release_lock(run, "again", by=releaser)


def test_a_new_run_takes_the_lock_of_a_failed_one_over_and_its_page_hears_of_it(
    start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failed(start, world)
    rung: list[tuple[int, int]] = []
    monkeypatch.setattr(doorbell, "state_changed", lambda number, revision: rung.append((number, revision)))
    before = run.revision
    new = start(takes_over=run.number)
    run.refresh_from_db()
    assert run.revision > before
    assert (run.number, run.revision) in rung
    assert (new.takes_over, run.holds_lock, run.lock_released_by) == (run, False, releaser)


def test_a_lock_that_was_taken_over_for_nothing_goes_back_and_both_pages_hear_of_it(
    start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = failed(start, world)
    new = start(takes_over=run.number)
    actions.cancel_run(new, Run.Cancel.AFTER_STEP, by=releaser)
    rung: list[tuple[int, int]] = []
    monkeypatch.setattr(doorbell, "state_changed", lambda number, revision: rung.append((number, revision)))
    tick(new.number)
    run.refresh_from_db()
    new.refresh_from_db()
    assert (new.state, new.holds_lock) == (Run.State.CANCELLED, False)
    assert f"Nothing had been changed. magento-production is held by run {run.number} again" in new.said
    assert (run.state, run.holds_lock, run.lock_released_by, run.lock_release_reason) == (Run.State.FAILED, True, None, "")
    assert run.said.endswith(
        f"Run {new.number}, which had taken magento-production over, was stopped before it changed anything: this one holds it again."
    )
    assert sorted(rung) == [(run.number, run.revision), (new.number, new.revision)]
    assert AuditEntry.objects.filter(action="give lock back", run=run.number).exists()
    with pytest.raises(actions.LockHeld, match="failed and still holds"):
        start()
    actions.resume(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED


def test_a_lock_that_was_taken_over_for_something_does_not_go_back(start: Start, world: World, releaser: Operator) -> None:
    run = failed(start, world)
    world.refuse["version"] = Refused("not today")
    new = start(takes_over=run.number)
    tick(new.number)
    run.refresh_from_db()
    new.refresh_from_db()
    assert (new.state, new.holds_lock, run.holds_lock) == (Run.State.FAILED, True, False)
    last = start(takes_over=new.number)
    actions.cancel_run(last, Run.Cancel.ABORT, by=releaser)
    tick(last.number)
    run.refresh_from_db()
    new.refresh_from_db()
    assert (new.holds_lock, run.holds_lock) == (True, False), "it goes to whom it was taken from"


def test_the_lock_of_a_run_that_goes_on_is_not_taken_over(start: Start, world: World) -> None:
    run = start()
    with pytest.raises(actions.LockHeld):
        start(takes_over=run.number)
    with pytest.raises(actions.NotNow):
        start(takes_over=run.number + 1)
    run.refresh_from_db()
    assert run.holds_lock


def test_what_has_ended_is_not_cancelled(start: Start, world: World, releaser: Operator, viewer: Operator) -> None:
    run = start()
    with pytest.raises(Forbidden):
        actions.cancel_run(run, Run.Cancel.ABORT, by=viewer)
    assert actions.cancel_run(run, Run.Cancel.AFTER_STEP, by=releaser).cancelled_by == releaser
    tick(run.number)
    with pytest.raises(actions.NotNow):
        actions.cancel_run(run, Run.Cancel.ABORT, by=releaser)


def test_a_step_done_by_hand_needs_evidence_and_the_run_goes_on(start: Start, world: World, releaser: Operator) -> None:
    run = unknown(start, world)
    step = run.steps.get(key="update")
    with pytest.raises(actions.NotNow):
        actions.mark_done_by_hand(step, " ", by=releaser)
    actions.mark_done_by_hand(step, "$ eb status\nStatus: Ready", by=releaser)
    tick(run.number)
    run.refresh_from_db()
    step.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
    assert (step.state, step.evidence) == (Step.State.BY_HAND, "$ eb status\nStatus: Ready")
    assert world.applied["update"] == 1


def test_only_what_waits_for_a_decision_is_decided_about(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    with pytest.raises(actions.NotNow):
        actions.mark_done_by_hand(run.steps.get(key="update"), "seen", by=releaser)
    with pytest.raises(actions.NotNow):
        actions.give_up(run, "tired", by=releaser)
    with pytest.raises(actions.NotNow):
        actions.resume(run, by=releaser)
    tick(run.number)
    with pytest.raises(actions.NotNow):
        actions.check_now(run, by=releaser)


def test_given_up_it_has_failed_and_holds_its_lock(start: Start, world: World, releaser: Operator) -> None:
    run = actions.give_up(unknown(start, world), "the console of AWS says it never began", by=releaser)
    assert (run.state, run.holds_lock) == (Run.State.FAILED, True)
    assert "the console of AWS says it never began" in run.said
    assert run.steps.get(key="update").state == Step.State.FAILED
    actions.resume(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
    assert world.applied["update"] == 1


def test_each_change_of_state_has_a_higher_revision(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    seen = [run.revision]
    world.on_do = lambda act, context: seen.append(Run.objects.get(pk=run.pk).revision)
    tick(run.number)
    seen.append(Run.objects.get(pk=run.pk).revision)
    assert seen[0] < seen[1] < seen[2] < seen[3]
    assert seen[-1] == max(seen)


@pytest.mark.parametrize("go_on", [actions.check_now, actions.resume])
def test_what_outlasted_its_time_is_followed_to_its_end_after_a_decision(
    start: Start, world: World, releaser: Operator, settings: Settings, go_on: Callable[..., Run]
) -> None:
    settings.TICK_SECONDS = 0.0
    world.stays_running.add("update")
    run = start()
    long_ago = timezone.now() - timedelta(seconds=2 * settings.STEP_SECONDS)
    for _ in range(3):
        tick(run.number)
    Step.objects.filter(run=run, key="update").update(started=long_ago)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.WAITING
    go_on(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    world.stays_running.clear()
    settings.TICK_SECONDS = 10.0
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED


def test_to_look_at_once_gives_no_more_time(start: Start, world: World, releaser: Operator, settings: Settings) -> None:
    """A run that nobody has to decide about waits for a person at its own time, however often somebody looks."""
    settings.TICK_SECONDS = 0.0
    world.stays_running.add("put")
    run = start()
    tick(run.number)
    long_ago = timezone.now() - timedelta(seconds=2 * settings.STEP_SECONDS)
    Step.objects.filter(run=run, key="upload").update(started=long_ago)
    actions.check_now(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.WAITING


def test_an_abort_is_not_taken_back_by_a_stale_page(start: Start, world: World, releaser: Operator, admin: Operator) -> None:
    run = start()
    actions.cancel_run(run, Run.Cancel.AFTER_STEP, by=releaser)
    assert actions.cancel_run(run, Run.Cancel.ABORT, by=admin).cancel == Run.Cancel.ABORT
    with pytest.raises(actions.NotNow, match="admin has asked to abort"):
        actions.cancel_run(run, Run.Cancel.AFTER_STEP, by=releaser)
    run.refresh_from_db()
    assert (run.cancel, run.cancelled_by) == (Run.Cancel.ABORT, admin)
    assert actions.cancel_run(run, Run.Cancel.ABORT, by=releaser).cancel == Run.Cancel.ABORT
    # An abort that cannot be proven has a way out that claims nothing.
    assert actions.cancel_run(run, Run.Cancel.STOP_WATCHING, by=releaser).cancel == Run.Cancel.STOP_WATCHING


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Run.Cancel.AFTER_STEP, Run.Cancel.AFTER_STEP),
        (Run.Cancel.ABORT, Run.Cancel.ABORT),
        (Run.Cancel.STOP_WATCHING, Run.Cancel.NONE),
    ],
)
def test_what_is_adopted_drops_only_the_wish_not_to_look(
    start: Start, world: World, releaser: Operator, before: Run.Cancel, after: Run.Cancel
) -> None:
    run = unknown(start, world)
    Run.objects.filter(pk=run.pk).update(cancel=before, cancelled_by=releaser)
    assert actions.adopt(run, by=releaser).cancel == after


def test_after_it_is_adopted_it_still_stops_after_the_step(start: Start, world: World, releaser: Operator) -> None:
    run = unknown(start, world)
    Run.objects.filter(pk=run.pk).update(cancel=Run.Cancel.AFTER_STEP, cancelled_by=releaser)
    actions.adopt(run, by=releaser)
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert world.order == ["put", "version", "update"]


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_title_is_cut_in_its_column_and_whole_in_the_plan(releaser: Operator, world: World, more: int) -> None:
    """SQLite would take it as it is; PostgreSQL refuses it."""
    title = "x" * (TITLE + more)
    value = replace(planned(PlannedStep("one", title)), title=title)
    made = actions.save_plan(value, by=releaser)
    run = begin(made, releaser)
    made.refresh_from_db()
    run.refresh_from_db()
    assert made.title == run.title == run.steps.get().title == "x" * TITLE
    assert made.document["title"] == made.document["steps"][0]["title"] == title
    assert tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED
