"""Beanstalk's log files on a host, read: which activity failed, and the lines around it. Pure.

Formats: `/var/log/eb-activity.log` of Amazon Linux 1 and `/var/log/eb-engine.log` of Amazon Linux 2 and 2023 (fact sheet aws.md 3.1, 3.2).
What is read here is shown to a person; no state is derived from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_ACTIVITY = re.compile(r"^\[(?P<time>[^\]]+)\]\s+(?P<level>\w+)\s+\[(?P<pid>\d+)\]\s+-\s+\[(?P<path>.+?)\] : (?P<message>.*)$")
_ENGINE = re.compile(r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+) \[(?P<level>\w+)\] (?P<message>.*)$")
_INSTRUCTION = re.compile(r"execution of command \[(?P<command>[^\]]+)\] - \[(?P<instruction>[^\]]+)\]")
# What makes a line of a failing command worth a second look. Only the eye is led by it.
_CAUSE = re.compile(r"(?i)\b(error|exception|fatal|sqlstate|no space left|out of memory|denied|failed to|could not|cannot|not found)\b")

BEFORE, AFTER = 4, 14  # lines around the failing activity


@dataclass(frozen=True, slots=True)
class Line:
    """`mark` is "hit" for the line that says the activity failed, "cause" for one that probably says why, else ""."""

    number: int
    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the deepest failing activity, from the outside in; empty where none is found. `output` is what it printed last."""

    path: tuple[str, ...]
    excerpt: tuple[Line, ...]
    output: str


def read(text: str, *, first_line: int = 1) -> Finding:
    """Finds the last deployment's deepest failure in either format."""
    lines = text.splitlines()
    for find in (_in_activity_log, _in_engine_log):
        found = find(lines)
        if found is not None:
            at, path = found
            return Finding(path, tuple(_excerpt(lines, at, first_line)), _output(lines, at))
    tail = range(max(0, len(lines) - BEFORE - AFTER), len(lines))
    return Finding((), tuple(Line(first_line + n, lines[n], _mark(lines[n])) for n in tail), "")


def _in_activity_log(lines: Sequence[str]) -> tuple[int, tuple[str, ...]] | None:
    """The failing leaf is logged first, its parents after it: of the last root's failures the deepest counts."""
    best: tuple[int, tuple[str, ...]] | None = None
    root = ""
    for at, line in enumerate(lines):
        match = _ACTIVITY.match(line)
        if match is None:
            continue
        path = tuple(match["path"].split("/"))
        if path[0] != root:
            root, best = path[0], None
        failed = match["message"].startswith(("Activity execution failed", "Activity timed out", "Activity has unexpected exception"))
        if failed and (best is None or len(path) >= len(best[1])):
            best = (at, path)
    return best


def _in_engine_log(lines: Sequence[str]) -> tuple[int, tuple[str, ...]] | None:
    for at in range(len(lines) - 1, -1, -1):
        match = _ENGINE.match(lines[at])
        if match and match["level"] == "ERROR":
            instruction = _INSTRUCTION.search(match["message"])
            if instruction:
                return at, (instruction["command"], instruction["instruction"])
    for at, line in enumerate(lines):
        match = _ENGINE.match(line)
        if match and match["level"] == "ERROR":
            return at, ("app-deploy",)
    return None


def _excerpt(lines: Sequence[str], at: int, first_line: int) -> Iterator[Line]:
    for n in range(max(0, at - BEFORE), min(len(lines), at + AFTER + 1)):
        yield Line(first_line + n, lines[n], "hit" if n == at else _mark(lines[n]) if n > at - BEFORE else "")


def _output(lines: Sequence[str], at: int) -> str:
    """The failing activity's own output: its line's rest and the lines that continue it."""
    match = _ACTIVITY.match(lines[at])
    engine = _ENGINE.match(lines[at])
    first = match["message"] if match else engine["message"] if engine else lines[at]
    said = [first]
    for line in lines[at + 1 :]:
        if _ACTIVITY.match(line) or _ENGINE.match(line):
            break
        said.append(line.strip())
    return "\n".join(part for part in said if part)


def _mark(line: str) -> str:
    return "cause" if _CAUSE.search(line) else ""
