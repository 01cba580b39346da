"""A plan as a value: the ordered steps of a run with the exact commands. It can be read, shown, hashed and tested without a network.

The plan that is shown is the plan that is run, word for word: the engine works from the stored JSON of these values and from nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Act:
    """One effect, planned: `kind` names who knows how to do and to probe it, `params` is all that they need (JSON values only).

    `key` is unique in the plan. `target` is a host's name, a Beanstalk environment's, or "console". `argv` is what is executed there, shown
    as it is; `words` is how the hand-over document puts it, where it does and where that differs.
    """

    kind: str
    key: str
    target: str
    argv: tuple[str, ...] = ()
    words: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """`acts` run side by side when `parallel`, else one after the other. `seconds` is the usual time, from history or believed."""

    key: str
    title: str
    acts: tuple[Act, ...] = ()
    note: str = ""
    where: str = ""
    seconds: float = 0
    parallel: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    kind: str
    title: str
    service: str
    environment: str
    lock_group: str
    steps: tuple[Step, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the kind knows besides: commits, version label, diffs, …

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # tuples become lists

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        steps = tuple(_step(step) for step in document["steps"])
        return cls(**{**document, "steps": steps})

    @property
    def hash(self) -> str:
        """sha256 over the canonical JSON: the same plan, the same hash."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def acts(self) -> Sequence[Act]:
        return [act for step in self.steps for act in step.acts]


def _step(document: Mapping[str, Any]) -> Step:
    acts = tuple(Act(**{**act, "argv": tuple(act["argv"])}) for act in document["acts"])
    return Step(**{**document, "acts": acts})
