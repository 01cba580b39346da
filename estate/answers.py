"""What a person once answered about the estate where its document contradicts itself; told from above, asked by plans."""

from __future__ import annotations

from collections.abc import Callable

from estate.definition import Target

_told: list[Callable[[Target], str]] = []


def register_configuration_branch(branch: Callable[[Target], str]) -> None:
    """Told from above: the branch of the configuration that somebody chose for this target; "" where nobody did."""
    if branch not in _told:
        _told.append(branch)


def chosen_configuration_branch(target: Target) -> str:
    """The one that was chosen, where the estate still names it; else ""."""
    chosen = next(filter(None, (branch(target) for branch in _told)), "")
    return chosen if chosen in target.configuration.branches else ""


def configuration_branch(target: Target) -> str:
    """What plans propose: the chosen one, else the estate's first."""
    return chosen_configuration_branch(target) or target.configuration.branches[0]
