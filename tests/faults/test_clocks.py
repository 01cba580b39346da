"""A run that is stopped at the gate for its clock is right; whatever else was found of it is not."""

from __future__ import annotations

from faults.p10_clocks import _stopped_at_the_gate
from faults.points import Verdict

GATE = "the run says failed: “Gates” failed. Not started: Clocks agree: 600 s. Nothing has been changed."


def test_the_gate_is_no_violation_and_excuses_none() -> None:
    assert _stopped_at_the_gate(Verdict([GATE])).violations == []
    assert _stopped_at_the_gate(Verdict([GATE])).said == GATE
    assert _stopped_at_the_gate(Verdict(["twice: UpdateEnvironment", GATE])).violations == ["twice: UpdateEnvironment"]
    assert _stopped_at_the_gate(Verdict(["the run says failed: so"])).violations == ["the run says failed: so"]
