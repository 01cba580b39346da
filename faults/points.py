"""What a promise is made of here: points, each with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.rig import Rig


class NotRun(Exception):
    """This machine cannot do it; the words say what is missing. Never counted as passed."""


@dataclass(slots=True)
class Verdict:
    """What came of a point: `violations` are sentences; `recovery` is how many seconds it took until somebody went on."""

    violations: list[str] = field(default_factory=list)
    recovery: float | None = None
    said: str = ""  # what is worth knowing besides
    points: int = 1  # that were played together
    unknown: int = 0  # of them, those whose run ended without knowing, and said so


@dataclass(frozen=True, slots=True)
class Promise:
    """`points` are words without the promise's name in front; `run` plays one of them on a rig with the database that `database` names."""

    name: str
    title: str
    points: Callable[[Rig], Iterator[str]]
    run: Callable[[Rig, str], Verdict]
    database: Callable[[str], str] = lambda point: "sqlite"
