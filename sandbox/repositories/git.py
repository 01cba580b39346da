"""Real git: the subprocess door, and a writer that makes commits out of trees without a working tree.

The writer feeds `git fast-import`, so the same trees, texts and times give the same commit ids.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

_SECONDS = 60


def git(
    repository: Path,
    *argv: str,
    stdin: bytes = b"",
    settings: Mapping[str, str] | None = None,
) -> bytes:
    """stdout of `git argv` in a bare repository; `settings` are environment variables. Raises CalledProcessError and TimeoutExpired."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
        **(settings or {}),
    }
    command = ("git", f"--git-dir={repository}", *argv)
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        check=True,
        timeout=_SECONDS,
        env=environment,
    ).stdout


@dataclass(frozen=True, slots=True)
class Commit:
    """`changes` maps a path to its new content, or to None where the file goes."""

    branch: str
    message: str
    author: str  # "Shop team <shop@client.url>"
    at: datetime
    changes: Mapping[str, bytes | None]
    parent: str = ""  # a branch or commit id; empty: the branch as it stands in this writing, or no parent at all


@dataclass(slots=True)
class Writing:
    """A stream for `git fast-import`."""

    out: io.BytesIO = field(default_factory=io.BytesIO)

    def add(self, commit: Commit) -> None:
        when = f"{int(commit.at.timestamp())} +0000"
        message = commit.message.encode() + b"\n"
        self._line(f"commit refs/heads/{commit.branch}")
        self._line(f"author {commit.author} {when}")
        self._line(f"committer {commit.author} {when}")
        self._data(message)
        if commit.parent:
            self._line(f"from {commit.parent}")
        for path, content in commit.changes.items():
            if content is None:
                self._line(f"D {path}")
            else:
                self._line(f"M {'100755' if content.startswith(b'#!') else '100644'} inline {path}")
                self._data(content)
        self._line("")

    def into(self, repository: Path, *, force: bool = False) -> None:
        argv = (
            "fast-import",
            "--quiet",
            "--date-format=raw",
            *(("--force",) if force else ()),
        )
        git(repository, *argv, stdin=self.out.getvalue())

    def _line(self, text: str) -> None:
        self.out.write(text.encode() + b"\n")

    def _data(self, content: bytes) -> None:
        self.out.write(b"data %d\n" % len(content) + content + b"\n")


def make_bare(repository: Path) -> None:
    repository.mkdir(parents=True, exist_ok=True)
    git(
        repository,
        "init",
        "--quiet",
        "--bare",
        "--initial-branch=master",
        str(repository),
    )
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(repository, "config", "uploadpack.allowReachableSHA1InWant", "true")
    git(repository, "config", "gc.auto", "0")


def files_of(repository: Path, commit: str, *paths: str) -> Iterator[tuple[str, int, bytes]]:
    """Path, mode and content of every file of a commit, in git's order."""
    archive = git(repository, "archive", "--format=tar", commit, *paths)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if member.isfile() and (content := tar.extractfile(member)):
                yield member.name, member.mode, content.read()
