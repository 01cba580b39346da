"""What a describing call said of one thing: its kind, its id, its name, and white-listed facts. Nothing secret is ever among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remote.aws.session import Patience

PATIENCE = Patience(connect=3.0, read=15.0)  # nobody waits for an inventory


@dataclass(frozen=True, slots=True)
class Found:
    """`facts` can be stored as JSON; times in it are ISO 8601 in UTC."""

    kind: str
    id: str
    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    was: str = ""  # the id by which an earlier version of the console knew it


def name_of(raw: Mapping[str, Any]) -> str:
    """The Name tag, else nothing."""
    return str(tags_of(raw).get("Name", ""))


def tags_of(raw: Mapping[str, Any]) -> dict[str, str]:
    tags: Sequence[Mapping[str, str]] = raw.get("Tags") or raw.get("TagSet") or ()
    return {tag["Key"]: tag["Value"] for tag in tags}
