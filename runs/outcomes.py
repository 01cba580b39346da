"""What came of working on one effect for a while, and what that makes of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proven:
    """Done, by the world's word or by a person's."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Failed, for certain."""

    said: str


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Nobody can tell whether it happened: a person decides."""

    why: str


@dataclass(frozen=True, slots=True)
class Open:
    """Not settled in this tick. `seconds`: when to look again. `certain`: it is known how it stands (it runs; or nothing happened yet)."""

    seconds: float
    said: str = ""
    running: bool = False
    certain: bool = True
    troubles: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person stopped it before it began."""


@dataclass(frozen=True, slots=True)
class Left:
    """A person does not want to watch it any longer."""


Outcome = Proven | Broken | Doubtful | Open | Stopped | Left


def of_step(outcomes: Sequence[Outcome]) -> Outcome:
    """Nothing is said of a step while one of its effects is open; a doubt weighs more than a failure."""
    for weight in (Left, Open, Doubtful, Broken, Stopped):
        found = [outcome for outcome in outcomes if isinstance(outcome, weight)]
        if found:
            return _worst(found)
    return Proven()


def _worst(found: Sequence[Outcome]) -> Outcome:
    """All reasons of the same weight, in one."""
    opens = [outcome for outcome in found if isinstance(outcome, Open)]
    if opens:
        doubtful = [outcome for outcome in opens if not outcome.certain]
        running = [outcome for outcome in opens if outcome.running]
        first = (doubtful or running or opens)[0]
        soonest = min(outcome.seconds for outcome in opens)
        return Open(soonest, first.said, first.running, first.certain, max(outcome.troubles for outcome in opens))
    broken = [outcome.said for outcome in found if isinstance(outcome, Broken)]
    if broken:
        return Broken("\n".join(dict.fromkeys(broken)))
    doubts = [outcome.why for outcome in found if isinstance(outcome, Doubtful)]
    if doubts:
        return Doubtful("\n".join(dict.fromkeys(doubts)))
    return found[0]
