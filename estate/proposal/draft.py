"""A proposal while it is drawn: the document as estate.yaml has it, and for each place in it what a person has to look at, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]
NOWHERE = "change-me"  # stands where a value has to stand that AWS does not know


@dataclass(slots=True)
class Draft:
    """`doubts`: a place of the document, or of what it lacks → what is not known of it; "*" stands for every key."""

    document: dict[str, Any] = field(default_factory=dict)
    doubts: dict[Path, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)  # what was seen and is not in it, a sentence each

    def doubt(self, *where: str, why: str) -> None:
        self.doubts[where] = why

    def is_doubted(self, where: Path) -> bool:
        """The place itself, or something that it stands in."""
        return any(_fits(place, where) for place in self.doubts)


def _fits(place: Path, where: Path) -> bool:
    return len(place) <= len(where) and all(part in ("*", key) for part, key in zip(place, where, strict=False))


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
