"""The drain: who may, what is kept back, what is not, and that it is one at a time. With real processes: `test_worker`."""

from __future__ import annotations

import pytest

from people.models import AuditEntry, Operator
from people.permissions import Forbidden
from runs import actions, draining, engine, pages
from runs.actions import NotNow
from runs.leases import claim
from runs.models import Drain, Run
from runs.reconcile import neglected
from tests.runs.conftest import Start
from tests.runs.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_run_waits_and_is_taken_up_when_it_is_lifted(start: Start, world: World, admin: Operator) -> None:
    draining.drain("the database moves", by=admin)
    run = start()
    assert claim(run.number) is None
    assert neglected() == []
    assert engine.tick(run.number) is False
    assert list(draining.held()) == [run]
    assert not world.applied
    assert draining.lift(by=admin) == [run.number]
    assert neglected() == [run.number]
    engine.tick(run.number)
    assert Run.objects.get(pk=run.pk).state == Run.State.SUCCEEDED


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_under_way_goes_on_or_stands_still(start: Start, world: World, admin: Operator, everything: bool) -> None:
    world.stays_running.add("update")
    run = start()
    drained: list[Drain] = []

    def drain_in_mid_run(point: str) -> None:
        if point == "probe update" and not drained:
            drained.append(draining.drain("a new machine", everything=everything, by=admin))
            if not everything:
                world.stays_running.clear()

    world.before = drain_in_mid_run
    engine.tick(run.number)
    found = Run.objects.get(pk=run.pk)
    assert found.lease_owner == ""
    assert (found.state == Run.State.SUCCEEDED) is not everything
    if everything:
        assert claim(run.number) is None
        assert not world.applied["flush-fe-1"]


def test_stopping_works_all_the_same(start: Start, world: World, admin: Operator) -> None:
    run = start()
    draining.drain("a new machine", everything=True, by=admin)
    assert neglected() == []
    actions.cancel_run(run, Run.Cancel.ABORT, by=admin)
    assert neglected() == [run.number]
    engine.tick(run.number)
    assert Run.objects.get(pk=run.pk).state == Run.State.CANCELLED
    assert not world.applied


def test_lists_and_the_bar_say_why(start: Start, world: World, admin: Operator) -> None:
    start()
    assert [pages.said(run, []) for run in pages.active()] == ["waits for a worker"]
    draining.drain("a new machine", by=admin)
    assert [pages.said(run, []) for run in pages.active()] == ["waits: the console is drained"]
    draining.lift(by=admin)
    assert [pages.said(run, []) for run in pages.active()] == ["waits for a worker"]


def test_one_at_a_time_with_a_reason_and_in_the_audit_trail(admin: Operator, releaser: Operator) -> None:
    with pytest.raises(Forbidden):
        draining.drain("because", by=releaser)
    with pytest.raises(NotNow, match="Say why"):
        draining.drain("  ", by=admin)
    with pytest.raises(NotNow, match="not drained"):
        draining.lift(by=admin)
    draining.drain("a new machine", by=admin)
    with pytest.raises(NotNow, match="drained already"):
        draining.drain("another", everything=True, by=admin)
    with pytest.raises(Forbidden):
        draining.lift(by=releaser)
    assert draining.lift(by=admin) == []
    draining.drain("again", by=admin)
    said = [(row.action, row.result, row.who, row.why) for row in AuditEntry.objects.filter(action__contains="drain").order_by("number")]
    assert [row[:3] for row in said] == [
        ("drain", "refused", "releaser"),
        ("drain", "ok", "admin"),
        ("drain", "refused", "releaser"),
        ("lift drain", "ok", "admin"),
        ("drain", "ok", "admin"),
    ]
    assert said[1][3] == "a new machine"
    assert Drain.objects.filter(is_on=True).count() == 1
