"""How Beanstalk environments are usually called, taken apart: which service, which environment, which tier. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRODUCTION, BEFORE, SHARED = "production", "pre-production", "shared"
_PRODUCTION = frozenset(["prod", "production", "prd", "live"])
_BEFORE = frozenset(["preprod", "preproduction", "pre"])
_OTHERS = frozenset(["staging", "stage", "uat", "test", "qa", "dev", "recette", "sandbox", "demo"])
_TIERS = {"bo": "back", "back": "back", "backoffice": "back", "admin": "back"}
_TIERS |= dict.fromkeys(("fo", "front", "frontend", "web", "www"), "front")


@dataclass(frozen=True, slots=True)
class Place:
    """`environment` and `tier` are keys; `tier` is empty where the name has no word for it."""

    service: str
    environment: str
    tier: str


def places(names: Sequence[str]) -> dict[str, Place]:
    """By name. The words with which all of them begin are the client's, not a service's, as long as each keeps one of its own."""
    words = {name: [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word] for name in names}
    own = {name: [word for word in said if not _is_known(word)] or said[:1] for name, said in words.items()}
    shared = _shared(list(own.values()))
    return {name: Place(key("-".join(own[name][shared:])), _environment(said), _tier(said)) for name, said in words.items()}


def first_words(names: Sequence[str]) -> tuple[str, ...]:
    """With which all of them begin."""
    own = [[word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and not _is_known(word)] for name in names]
    return tuple(own[0][: _shared(own)]) if own else ()


def key(text: str, taken: Mapping[str, object] | Sequence[str] = ()) -> str:
    """As estate.yaml takes it: small letters, digits and hyphens, beginning with a letter; another one where it is taken."""
    made = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    made = (made if made[:1].isalpha() else f"x-{made}".rstrip("-"))[:36].rstrip("-")
    number, free = 2, made
    while free in taken:
        number, free = number + 1, f"{made}-{number}"
    return free


def _is_known(word: str) -> bool:
    return word in _PRODUCTION | _BEFORE | _OTHERS or word in _TIERS


def _shared(all_words: Sequence[Sequence[str]]) -> int:
    if not all_words:
        return 0
    longest = min(len(words) for words in all_words) - 1
    same = 0
    while same < longest and len({words[same] for words in all_words}) == 1:
        same += 1
    return same


def _environment(words: Sequence[str]) -> str:
    """What says nothing is taken for production: so it is guarded most."""
    if any(word in _BEFORE for word in words):
        return BEFORE
    return next((word for word in words if word in _OTHERS), PRODUCTION)


def _tier(words: Sequence[str]) -> str:
    return next((_TIERS[word] for word in words if word in _TIERS), "")
