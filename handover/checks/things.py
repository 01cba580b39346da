"""Any kind of thing: how many there are, whether one is there, and what it is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handover.checks.seen import Seen, called, counted, in_words, listed, shown_with, with_facts
from handover.observed import Observed, is_as_wanted


def there_are(
    observed: Observed, *, kind: str, count: int | None = None, at_least: int = 0, where: Mapping[str, Any] | None = None
) -> Seen:
    """So many of a kind, or at least so many."""
    found = observed.every(kind, **(where or {}))
    right = len(found) == count if count is not None else len(found) >= at_least
    names = [called(each) for each in found]
    wanted = "" if right else f"; {count if count is not None else f'at least {at_least}'} expected"
    told = f": {listed(names)}" if names else ""
    return Seen(right, f"{counted(kind, len(found))}{told}{wanted}", tuple(names))


def is_there(
    observed: Observed, *, kind: str, name: str, facts: Mapping[str, Any] | None = None, where: Mapping[str, Any] | None = None
) -> Seen:
    """One thing of that name, with facts as wanted."""
    found = observed.one(kind, name, **(where or {}))
    if found is None:
        return Seen(False, f"There is no {kind.replace('-', ' ')} {name}")
    return with_facts(found, facts or {})


def all_have(observed: Observed, *, kind: str, facts: Mapping[str, Any], where: Mapping[str, Any] | None = None, count: int = 0) -> Seen:
    """Every one of them has these facts; and there are so many, where that is said."""
    found = observed.every(kind, **(where or {}))
    if not found or (count and len(found) != count):
        return Seen(False, f"{counted(kind, len(found))}{f'; {count} expected' if count else ''}")
    others = [each for each in found if not all(is_as_wanted(each.facts.get(key), value) for key, value in facts.items())]
    what = ", ".join(f"{key.replace('_', ' ')} {in_words(value)}" for key, value in facts.items())
    if others:
        return Seen(False, f"Not {what}: {listed([shown_with(each, facts) for each in others])}", tuple(called(each) for each in others))
    return Seen(True, f"{len(found)} of {len(found)} have {what}", tuple(called(each) for each in found))


def same_on_all(observed: Observed, *, kind: str, fact: str, where: Mapping[str, Any]) -> Seen:
    """One value on all of them."""
    found = observed.every(kind, **where)
    values = sorted({str(each.facts.get(fact, "")) for each in found})
    said = f"{fact.replace('_', ' ')} of {len(found)}: {listed(values)}"
    return Seen(len(values) == 1 and values != [""], said, tuple(called(each) for each in found))
