"""What is said about a finished bundle: counts, what was replaced and edited, and the evidence of the scan. Stored beside it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from deployments.bundle.checks import RULES, Finding


@dataclass(frozen=True)
class Edited:
    """One edited file; the diff is empty where the edit changes nothing."""

    path: str
    diff: str


@dataclass(frozen=True)
class Evidence:
    """One sentence that a gate shows, and how it was proven. `accepted` are findings that somebody took responsibility for."""

    rule: str
    sentence: str
    looked_at: int
    found: tuple[str, ...]
    accepted: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.found


@dataclass(frozen=True)
class Manifest:
    """`bytes` is the size after unpacking."""

    magento_commit: str
    config_commit: str
    edits: str
    files: int
    bytes: int
    links: int
    executables: int
    replaced: tuple[str, ...]
    edited: tuple[Edited, ...]
    missing: tuple[str, ...]
    modules: dict[str, bool]
    evidence: tuple[Evidence, ...]

    @property
    def clean(self) -> bool:
        """Does every sentence of the scan hold?"""
        return all(one.holds for one in self.evidence)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        facts: dict[str, Any] = json.loads(text)
        facts |= {name: tuple(facts[name]) for name in ("replaced", "missing")}
        facts["edited"] = tuple(Edited(**one) for one in facts["edited"])
        facts["evidence"] = tuple(Evidence(**one | {name: tuple(one[name]) for name in ("found", "accepted")}) for one in facts["evidence"])
        return cls(**facts)


def evidence(findings: Iterable[Finding], accepted: Iterable[str], looked_at: int) -> tuple[Evidence, ...]:
    """The findings under their rules; a rule without findings is evidence too."""
    listed, excused = sorted(findings), set(accepted)
    return tuple(
        Evidence(
            rule,
            sentence,
            looked_at,
            found=tuple(path for one, path in listed if one == rule and path not in excused),
            accepted=tuple(path for one, path in listed if one == rule and path in excused),
        )
        for rule, sentence in RULES.items()
    )
