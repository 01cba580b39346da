"""What the run page shows besides steps and log: the packages above, which know what a kind of run is about, register it here.

`runs` imports none of them. A maker gets the run, the time and the person who looks, asks its own tables, and returns templates with
what they need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from runs.models import Run


class Place(Enum):
    SUB = "sub"  # one line under the title
    BANNER = "banner"  # above everything; stands in the place of the run's own words
    GAUGE = "gauge"  # an instrument beside progress
    NEXT = "next"  # what can be done now, right below the instruments
    WIDE = "wide"  # a panel over the whole width, before steps and log


@dataclass(frozen=True, slots=True)
class Panel:
    place: Place
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)


Maker = Callable[[Run, datetime, object], Sequence[Panel]]
_makers: dict[str, Maker] = {}


def register(kind: str, maker: Maker) -> None:
    if kind in _makers:
        raise ValueError(f"the panels of {kind} are registered twice")
    _makers[kind] = maker


def panels(run: Run, at: datetime, viewer: object) -> dict[str, list[Panel]]:
    """By place, in the order in which their maker named them. A kind that nobody registered has none."""
    found: dict[str, list[Panel]] = {place.value: [] for place in Place}
    if run.kind in _makers:
        for panel in _makers[run.kind](run, at, viewer):
            found[panel.place.value].append(panel)
    return found
