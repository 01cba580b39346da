"""What a person once answered about the estate where its document contradicts itself; told from above, asked by plans."""

from __future__ import annotations

from collections.abc import Callable

from estate.definition import Target

_told: list[Callable[[Target], str]] = []


def register_configuration_branch(branch: Callable[[Target], str]) -> None:
    """Told from above: the branch of the configuration that somebody chose for this target; "" where nobody did."""
    if branch not in _told:
        _told.append(branch)


def configuration_branch(target: Target) -> str:
    """The one that was chosen, where the estate still names it; else the estate's first."""
    chosen = next(filter(None, (branch(target) for branch in _told)), "")
    return chosen if chosen in target.configuration.branches else target.configuration.branches[0]
