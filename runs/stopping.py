"""The three strengths of a stop, each with what it does and what it leaves behind if it were pressed now.

What a kind of run leaves is told by the package that knows it (`register`); here stands what is true of every run. Nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runs.models import Run, Step

Strength = str  # one of Run.Cancel
Leaves = Mapping[Strength, Sequence[str]]
_leaves: dict[str, Callable[[Run, Sequence[Step]], Leaves]] = {}


@dataclass(frozen=True, slots=True)
class Way:
    strength: Strength
    title: str
    does: str
    leaves: tuple[str, ...]


def register(kind: str, leaves: Callable[[Run, Sequence[Step]], Leaves]) -> None:
    if kind in _leaves:
        raise ValueError(f"what a stop leaves of {kind} is registered twice")
    _leaves[kind] = leaves


def ways(run: Run, steps: Sequence[Step]) -> tuple[Way, ...]:
    """`steps` in their order. For a run that has not ended."""
    current = next((step for step in steps if step.state not in Step.FINISHED), None)
    following = next((step for step in steps if current is not None and step.position > current.position), None)
    begun = current is not None and current.state != Step.State.PLANNED
    of_kind = _leaves[run.kind](run, steps) if run.kind in _leaves else {}
    return (
        Way(
            Run.Cancel.AFTER_STEP, "Stop after this step", _after(current, following, begun), tuple(of_kind.get(Run.Cancel.AFTER_STEP, ()))
        ),
        Way(Run.Cancel.ABORT, "Abort now", _abort(current, begun), tuple(of_kind.get(Run.Cancel.ABORT, ()))),
        Way(
            Run.Cancel.STOP_WATCHING,
            "Only stop watching",
            "Nothing is stopped in the world: whatever was begun goes on there to its end, and nothing more is begun. The run becomes "
            "unknown and keeps its lock; “Check now” reads the world again.",
            tuple(of_kind.get(Run.Cancel.STOP_WATCHING, ())),
        ),
    )


def _after(current: Step | None, following: Step | None, begun: bool) -> str:
    if current is None or not begun:
        return "Nothing is under way: the run stops at once, before its next step."
    if following is None:
        return f"“{current.title}” is the last step: it is finished, and with it the run. Nothing is left half done."
    return f"“{current.title}” is finished first, then the run stops before “{following.title}”. No step is left half done."


def _abort(current: Step | None, begun: bool) -> str:
    if current is None or not begun:
        return "Nothing is under way that could be aborted: the run stops at once."
    return (
        f"“{current.title}” is broken off: Beanstalk is asked to abort its deployment, commands on hosts are killed, and both are proven. "
        "Nothing is undone."
    )
