"""What is said of the ways to go on after a release that failed."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.failure import closed_for
from deployments.strategies import AWARE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"strategy": "as-written"}, "as long as maintenance mode is found on"),
        ({"strategy": AWARE, "decision": {"path": "window"}}, "as long as a curtain is drawn"),
        ({"strategy": AWARE, "decision": {"path": "roll"}}, "not at all, if the database still needs no migration"),
    ],
)
def test_what_going_on_costs_follows_from_the_way(facts: dict[str, Any], words: str) -> None:
    assert closed_for(facts) == words
