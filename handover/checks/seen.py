"""What a check answers, and the words that all of them use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handover.observed import NotObserved, Observed, is_as_wanted
from remote.aws.found import Found

_SHOWN = 6  # things named in one observation


@dataclass(frozen=True, slots=True)
class Seen:
    """`said` is one line for a person; `evidence` names the things that were looked at."""

    agrees: bool
    said: str
    evidence: tuple[str, ...] = field(default=())


Check = Callable[..., Seen]


def the(observed: Observed, kind: str, name: str) -> Found:
    found = observed.one(kind, name)
    if found is None:
        silent = observed.one("host-silent", name) if kind == "host" else None
        raise NotObserved(str(silent.facts["unknown"]) if silent else f"There is no {kind.replace('-', ' ')} {name} to look at")
    return found


def with_facts(found: Found, facts: Mapping[str, Any]) -> Seen:
    wrong = _wrong(found, facts)
    return Seen(not wrong, f"{called(found)}: {told_of(found, facts) or 'is there'}", (found.id,))


def told_of(found: Found, facts: Mapping[str, Any]) -> str:
    """What these facts are; of those that are wrong alone, where any is."""
    wrong = _wrong(found, facts)
    said = ", ".join(f"{key.replace('_', ' ')} {in_words(found.facts.get(key))}" for key in wrong or facts)
    return said + (f"; {listed([in_words(each) for each in wrong.values()])} expected" if wrong else "")


def _wrong(found: Found, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if not is_as_wanted(found.facts.get(key), value)}


def shown_with(found: Found, facts: Mapping[str, Any]) -> str:
    return f"{called(found)} ({', '.join(in_words(found.facts.get(key)) for key in facts)})"


def counted(kind: str, count: int) -> str:
    return f"{count or 'No'} {kind.replace('-', ' ')}{'' if count == 1 else 's'}"


def called(found: Found) -> str:
    return found.name or found.id


def listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(str(word) for word in words[:_SHOWN]) + more


def in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return listed([in_words(each) for each in value]) or "none"
    if isinstance(value, dict):
        return " ".join(f"{word.replace('_', ' ')} {in_words(operand)}" for word, operand in value.items())
    return "nothing" if value in (None, "") else str(value)


def age_of(iso: str) -> timedelta:
    moment = datetime.fromisoformat(iso)
    return datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def aged(age: timedelta) -> str:
    """In the largest unit that says something."""
    if age < timedelta(hours=1):
        return f"{max(age, timedelta(0)).total_seconds() // 60:.0f} min old"
    return f"{age.total_seconds() / 3600:.0f} h old" if age < timedelta(days=2) else f"{age.days} d old"
