"""What the checks look at: everything that was last observed, by kind. Values; nothing is asked here.

A kind that could not be read raises NotObserved with the reason: a check that rests on it cannot be made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from remote.aws.found import Found


class NotObserved(LookupError):
    """The text says what is not known, and why."""


@dataclass(frozen=True, slots=True)
class Observed:
    """`things` by kind; `wrong` by kind: why nothing, or not all, is known of it. What is known stays, however old it is."""

    things: Mapping[str, tuple[Found, ...]]
    wrong: Mapping[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set, compare=False)  # kinds that were asked for

    def every(self, kind: str, **where: Any) -> list[Found]:
        """Those whose facts (or `name`, `id`) are as asked. Raises NotObserved."""
        self.touched.add(kind)
        if kind not in self.things:
            why = self.wrong.get(kind, "it has not been looked at yet")
            raise NotObserved(f"Nothing is known of any {kind.replace('-', ' ')}: {why}")
        return [each for each in self.things[kind] if all(_is(_value(each, key), value) for key, value in where.items())]

    def one(self, kind: str, name: str, **where: Any) -> Found | None:
        return next(iter(self.every(kind, name=name, **where)), None)

    def by_id(self, kind: str) -> dict[str, Found]:
        return {each.id: each for each in self.every(kind)}

    def altered(self, kinds: Iterable[str], found: Iterable[Found]) -> Observed:
        """The same with these kinds read anew."""
        return Observed({**self.things, **grouped(found, kinds)}, {kind: why for kind, why in self.wrong.items() if kind not in set(kinds)})


def grouped(found: Iterable[Found], kinds: Iterable[str] = ()) -> dict[str, tuple[Found, ...]]:
    """By kind; the kinds named are there even when there is none of them."""
    by_kind: dict[str, list[Found]] = {kind: [] for kind in kinds}
    for each in found:
        by_kind.setdefault(each.kind, []).append(each)
    return {kind: tuple(sorted(each, key=lambda one: (one.name, one.id))) for kind, each in by_kind.items()}


def _value(each: Found, key: str) -> Any:
    return each.name if key == "name" else each.id if key == "id" else each.facts.get(key)


def _is(value: Any, wanted: Any) -> bool:
    """Equal; or as a comparison of one key says: contains, ends, starts, at_least, at_most, not."""
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    return all(_COMPARISONS[word](value, operand) for word, operand in wanted.items())


is_as_wanted = _is
_COMPARISONS: Mapping[str, Any] = {
    "contains": lambda value, operand: operand in (value or ()),
    "lacks": lambda value, operand: operand not in (value or ()),
    "ends": lambda value, operand: str(value or "").endswith(operand),
    "starts": lambda value, operand: str(value or "").startswith(operand),
    "at_least": lambda value, operand: isinstance(value, int | float) and value >= operand,
    "at_most": lambda value, operand: isinstance(value, int | float) and value <= operand,
    "not": lambda value, operand: value != operand,
    "in": lambda value, operand: value in operand,
}
COMPARISONS = frozenset(_COMPARISONS)
