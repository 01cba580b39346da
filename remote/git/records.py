"""What git answers, as values: entries of a tree, commits, changes; and how its NUL-separated output is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

NO_OBJECT = "0" * 40


class Entry(NamedTuple):
    """One line of a tree. `size` is in bytes, None where it was not asked for; a path that is not UTF-8 carries surrogates."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


class Change(NamedTuple):
    """One path that differs between two commits: A(dded), D(eleted), M(odified) or T(ype changed)."""

    status: str
    path: str
    old_mode: str
    old_sha: str
    mode: str
    sha: str


@dataclass(frozen=True)
class Commit:
    """A commit and the paths that it touches (none for a merge)."""

    sha: str
    subject: str
    author: str
    when: datetime
    files: tuple[str, ...]


def fields(output: bytes) -> list[str]:
    """The NUL-terminated fields of an answer."""
    texts = output.decode("utf-8", "surrogateescape").split("\0")
    if texts and not texts[-1]:
        texts.pop()
    return texts


def entries(output: bytes) -> list[Entry]:
    """`ls-tree -z`, with or without `-l`."""
    found = []
    for line in fields(output):
        facts, _, path = line.partition("\t")
        mode, kind, sha, *size = facts.split()
        found.append(Entry(mode, kind, sha, int(size[0]) if size and size[0] != "-" else None, path))
    return found


def changes(output: bytes) -> list[Change]:
    """`diff-tree --raw -z --no-renames`: a line of facts, then the path."""
    texts = iter(fields(output))
    found = []
    for facts, path in zip(texts, texts, strict=True):
        old_mode, mode, old_sha, sha, status = facts.removeprefix(":").split()
        found.append(Change(status, path, old_mode, old_sha, mode, sha))
    return found


def commits(output: bytes) -> Iterator[Commit]:
    """`log -z --name-only` with `LOG_FORMAT`. An empty field begins a commit, as no path is empty; the four after it are counted."""
    texts = fields(output)
    at = 0
    while at < len(texts):
        sha, subject, author, when = texts[at + 1 : at + 5]
        at += 5
        files: list[str] = []
        while at < len(texts) and texts[at]:
            # Git sets a line break between a commit and its first path.
            files.append(texts[at] if files else texts[at].removeprefix("\n"))
            at += 1
        yield Commit(sha, _readable(subject), _readable(author), datetime.fromisoformat(when), tuple(files))


LOG_FORMAT = "--format=tformat:%x00%H%x00%s%x00%an%x00%cI"


def _readable(text: str) -> str:
    """Text that any sink can encode: bytes that are not UTF-8 become the replacement character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
