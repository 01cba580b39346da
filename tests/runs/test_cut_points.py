"""A run that is killed at its N-th touch of the database or of the world, for N = 1, 2, 3 … until nothing is left to kill at.

Whatever the moment: the next tick goes on, each effect has happened once, and the row says what the world says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection

from remote.errors import Unanswered
from runs.engine import tick
from runs.models import Effect, Run, Step
from runs.plan import Step as Planned
from tests.runs.conftest import Start
from tests.runs.world import Killed, World, act

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Executioner:
    """Counts down, and kills at zero; the second kill never comes."""

    left: int
    struck: str = ""

    def touch(self, what: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = what
            raise Killed(what)

    def around(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.touch(sql)
        return execute(sql, params, many, context)


def steps() -> tuple[Planned, ...]:
    """One after the other, so that the order of the touches is the same in each round."""
    return (Planned("upload", "Upload", (act("put", "console"), act("version", "console"))), Planned("update", "Update", (act("update"),)))


def killed_at(run: Run, world: World, point: int) -> str:
    """Where the first tick died; "" if it came to its end before."""
    executioner = Executioner(point)
    world.before = executioner.touch
    with connection.execute_wrapper(executioner.around), suppress(Killed):
        tick(run.number)
    world.before = lambda point: None
    return executioner.struck


def let_the_lease_end(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=0)


@pytest.mark.parametrize("lost", ["", "put", "update"])
def test_killed_anywhere_it_goes_on_and_does_each_effect_once(start: Start, world: World, lost: str) -> None:
    places: list[str] = []
    for point in range(1, 400):
        world.applied.clear()
        world.order.clear()
        if lost:
            world.lose[lost] = Unanswered("no answer came.")
        run = start(*steps())
        place = killed_at(run, world, point)
        if not place:
            break
        places.append(place)
        let_the_lease_end(run)
        for _ in range(3):
            tick(run.number)
        run = Run.objects.get(pk=run.pk)
        assert run.state == Run.State.SUCCEEDED, place
        assert world.applied == {"put": 1, "version": 1, "update": 1}, place
        assert world.order == ["put", "version", "update"], place
        assert set(run.effects.values_list("state", flat=True)) == {Effect.State.DONE}, place
        assert set(run.steps.values_list("state", flat=True)) == {Step.State.DONE}, place
    else:
        pytest.fail("no end of things to kill at")
    for moment in ("do put", "done put", "probe put", "do update", "done update", "probe update"):
        assert moment in places
    assert sum("effect" in place for place in places) >= 8  # the three intents, and what is recorded of each


@pytest.mark.parametrize("ends_badly", ["version", "update"])
def test_killed_anywhere_a_failure_stays_a_failure(start: Start, world: World, ends_badly: str) -> None:
    world.ends_badly.add(ends_badly)
    for point in range(1, 400):
        world.applied.clear()
        run = start(*steps())
        place = killed_at(run, world, point)
        let_the_lease_end(run)
        for _ in range(3):
            tick(run.number)
        run = Run.objects.get(pk=run.pk)
        assert run.state == Run.State.FAILED, place
        assert set(world.applied.values()) == {1}, place
        assert run.holds_lock
        Run.objects.filter(pk=run.pk).update(holds_lock=False)
        if not place:
            return
    pytest.fail("no end of things to kill at")
