"""`claims.yaml` as values: every sentence of the hand-over document that can be true or false, and how each is held against the estate.

A person edits the file; its grammar is `claims.schema.json`. A mistake in it is named before anything starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from handover.checks import CHECKS

FILE = Path(__file__).with_name("claims.yaml")
_SCHEMA = Path(__file__).with_name("claims.schema.json")


@dataclass(frozen=True, slots=True)
class Claim:
    """`line` as the document's own lines are counted, several where two contradict one another; `why` says why nothing checks it.

    `question` is asked of a person. `corrected` is what the sentence should say once it is known to differ.
    """

    id: int
    section: str
    line: str
    sentence: str
    model: str
    check: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)  # what the check is told
    why: str = ""
    question: str = ""
    corrected: str = ""

    @property
    def first_line(self) -> int:
        digits = "".join(letter if letter.isdigit() else " " for letter in self.line).split()
        return int(digits[0]) if digits else 0


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked of one host: which of these paths are there, and what stands in those files."""

    host: str
    there: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    claims: tuple[Claim, ...]
    looks: tuple[Look, ...]


class BadClaims(ValueError):
    """One sentence for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def claims() -> tuple[Claim, ...]:
    return current().claims


def claim(number: int) -> Claim | None:
    return {each.id: each for each in claims()}.get(number)


def looks() -> tuple[Look, ...]:
    return current().looks


@cache
def spoken_of() -> Mapping[str, frozenset[str]]:
    """By the path of a file on a host: the texts that claims look for in it."""
    texts: dict[str, frozenset[str]] = {}
    for each in claims():
        wanted = [*each.told.get("texts", ()), *filter(None, [each.told.get("starting")])] if "path" in each.told else []
        texts[str(each.told.get("path"))] = texts.get(str(each.told.get("path")), frozenset()) | frozenset(map(str, wanted))
    return texts


@cache
def current() -> Document:
    return load(FILE)


def load(path: Path) -> Document:
    """Raises BadClaims, which names every mistake."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 -- the safe one, in C where there is one
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadClaims([f"{path.name} is no YAML: {error}"]) from error
    validator = Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
    problems = [f"{path.name}: {_place(document, error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(document)]
    if problems:
        raise BadClaims(problems)
    found = Document(tuple(_claims(document)), tuple(_looks(document)))
    problems = list(_mistakes(found))
    if problems:
        raise BadClaims(problems)
    return found


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _claims(document: Mapping[str, Any]) -> Iterator[Claim]:
    for each in document["claims"]:
        check, told = next(iter(each.get("check", {}).items()), ("", {}))
        said = {key: each.get(key, "") for key in ("why", "question", "corrected")}
        yield Claim(each["id"], each["section"], str(each["line"]), each["sentence"], each["model"], check, told or {}, **said)


def _looks(document: Mapping[str, Any]) -> Iterator[Look]:
    for each in document["looks"]:
        for host in each["hosts"]:
            yield Look(host, tuple(each.get("there", ())), tuple(each.get("read", ())))


def _mistakes(found: Document) -> Iterator[str]:
    seen: set[int] = set()
    for each in found.claims:
        if each.id in seen:
            yield f"Claim {each.id} stands twice."
        seen.add(each.id)
        if not each.check and not each.why and not each.question:
            yield f"Claim {each.id} has neither a check nor a reason why nothing checks it."
        if each.check and each.check not in CHECKS:
            yield f"Claim {each.id} names an unknown check “{each.check}”. There is: {', '.join(sorted(CHECKS))}."
        elif each.check:
            yield from (f"Claim {each.id}: {problem}" for problem in _arguments(each))


def _arguments(claim: Claim) -> Iterator[str]:
    known = {name: each for name, each in signature(CHECKS[claim.check]).parameters.items() if name != "observed"}
    yield from (f"{claim.check} is told an unknown “{name}”; it knows {', '.join(known)}." for name in claim.told if name not in known)
    required = [name for name, each in known.items() if each.default is Parameter.empty]
    yield from (f"{claim.check} has to be told “{name}”." for name in required if name not in claim.told)


def _place(document: Any, path: Any) -> str:
    where = list(path)
    if len(where) > 1 and where[0] == "claims":
        return f"claim {document['claims'][where[1]].get('id', where[1] + 1)}"
    return ".".join(str(part) for part in where) or "the file"
