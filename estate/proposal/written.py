"""A draft as the text of estate.yaml: every doubt is a comment where it belongs; what could not be read stands at the top. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import yaml

from estate.proposal.draft import NOWHERE, Draft, Path
from estate.proposal.seen import Seen

_WIDTH = 120  # of a line that holds a whole mapping or list
_HEAD = ("observe", "name", "time_zone", "region")
_ORDER = (*_HEAD, "environments", "repositories", "freezes", "services", "access", "by_hand", "rundeck", "alarm_topics", "alarms")


def written(draft: Draft, seen: Seen, today: date) -> str:
    """Passes the schema where the draft does; ends with a new line."""
    lines = [
        f"# Proposed from AWS account {seen.account}, region {seen.region}, on {today}.",
        "# Its grammar: estate/schema.json. Nothing here is a secret.",
        f"# What AWS cannot tell has a comment: look at each of them. “{NOWHERE}” has to be replaced.",
    ]
    lines += [f"# Could not be read: {source}: {' '.join(why.split())}" for source, why in sorted(seen.failed.items())]
    lines += [f"# {' '.join(said.split())}" for said in draft.left]
    for name in (name for name in _ORDER if name in draft.document):
        lines += [*([""] if name not in _HEAD[1:] else []), *_entry(name, draft.document[name], (name,), draft, 0)]
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any, where: Path, draft: Draft, depth: int) -> Iterator[str]:
    """A key with all that belongs to it. What is said of every key of a mapping stands once, at its beginning."""
    pad, why = "  " * depth, draft.doubts.get(where)
    comment = f" # {why}" if why else ""
    inside = {place[len(where) :]: said for place, said in draft.doubts.items() if place[: len(where)] == where and len(place) > len(where)}
    short = _flow(value)
    if not isinstance(value, (Mapping, list)) or (not inside and depth > 0 and len(pad + name + short) < _WIDTH) or not value:
        yield f"{pad}{_flow(name)}: {short}{comment}"
        return
    yield f"{pad}{_flow(name)}:{comment}"
    if isinstance(value, list):
        yield from (f"{pad}  - {_flow(each)}" for each in value)
        return
    yield from (f"{pad}  # {place[-1]} of each: {said}" for place, said in inside.items() if place[0] == "*")
    for key, inner in value.items():
        yield from _entry(str(key), inner, (*where, str(key)), draft, depth + 1)
    yield from (f"{pad}  # {place[0]}: {said}" for place, said in inside.items() if len(place) == 1 and place[0] not in value)


def _flow(value: Any) -> str:
    """On one line, as YAML reads it back."""
    style = '"' if isinstance(value, str) and len(value.splitlines()) > 1 else None
    text = yaml.safe_dump(value, default_flow_style=True, default_style=style, width=1_000_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
