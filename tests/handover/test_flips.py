"""A check is real only if changing the truth behind it changes its verdict: one test for each claim that is checked."""

from __future__ import annotations

import pytest

from handover import document
from handover.models import Verdict
from tests.handover.conftest import World
from tests.handover.flips import FLIPS

AT_LEAST = 200  # claims that are checked by themselves, each of them proven here


@pytest.mark.parametrize("number", sorted(FLIPS))
def test_the_verdict_follows_the_truth(world: World, number: int) -> None:
    flip = FLIPS[number]
    before = world.verdict(number, world.before)
    assert before is not Verdict.CANNOT
    changed = world.changed(flip)
    assert world.verdict(number, changed) is not before


def test_what_was_changed_is_as_it_was(world: World) -> None:
    """So that no test has left anything behind, whatever the order: the sources that were touched are read once more."""
    for source in sorted({flip.source for flip in FLIPS.values()}):
        observed = world.again(source)
        for number, flip in FLIPS.items():
            if flip.source == source:
                assert world.verdict(number, observed) is world.verdict(number, world.before), document.claim(number)


def test_enough_claims_are_proven() -> None:
    checked = {claim.id for claim in document.claims() if claim.check}
    assert set(FLIPS) <= checked
    assert len(FLIPS) >= AT_LEAST
