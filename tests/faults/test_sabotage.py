"""A console that lacks a guard is caught. All of them: `./console faults --guards`, or FAULTS=all here."""

from __future__ import annotations

import os

import pytest

from faults import guards, sabotage, suite
from faults.rig import Rig

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("faults")]
QUICK = ("start-again", "no-kill", "no-lock")


def test_each_guard_has_a_point_and_each_promise_a_guard() -> None:
    assert sabotage.CAUGHT_BY.keys() == sabotage.GUARDS.keys()
    assert {token.partition(":")[0] for token, _ in sabotage.CAUGHT_BY.values()} == suite.PROMISES.keys()


@pytest.mark.parametrize("guard", sabotage.GUARDS)
def test_a_console_without_it_is_caught(request: pytest.FixtureRequest, guard: str) -> None:
    if guard not in QUICK and os.environ.get("FAULTS") != "all":
        pytest.skip("takes longer: ./console faults --guards, or FAULTS=all")
    if guards.database(guard) != "sqlite":
        pytest.skip("stands on PostgreSQL: ./console faults --guards")
    rig: Rig = request.getfixturevalue("rig")
    assert guards.caught(rig, guard), f"without its guard {guard} the console passes {sabotage.CAUGHT_BY[guard][0]}"
