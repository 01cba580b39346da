"""Small real repositories for the tests of the bundle and of git: commits made from mappings of paths to contents, by plumbing alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

Content = bytes | tuple[str, bytes]  # a plain file, or (mode, content)

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Anna",
    "GIT_AUTHOR_EMAIL": "anna@example.com",
    "GIT_COMMITTER_NAME": "Anna",
    "GIT_COMMITTER_EMAIL": "anna@example.com",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+01:00",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+01:00",
}


def git(directory: Path, *words: str, feed: bytes = b"") -> str:
    done = subprocess.run(
        ["git", "--git-dir", str(directory), *words], input=feed, env=ENVIRONMENT, capture_output=True, check=True, timeout=30
    )
    return done.stdout.decode().strip()


class Repository:
    """A bare repository whose branches are set to whole trees."""

    def __init__(self, path: Path) -> None:
        self.path = path
        git(path, "init", "--quiet", "--bare", "--initial-branch=master")

    def commit(self, tree: Mapping[str, Content], *, branch: str = "master", subject: str = "Change", after: str | None = None) -> str:
        """The branch becomes exactly this tree, in a commit after its last one. One `fast-import`, so it is quick."""
        lines = [f"commit refs/heads/{branch}\ncommitter Anna <anna@example.com> 1767319445 +0100\n".encode()]
        lines.append(b"data %d\n%s\n" % (len(subject.encode()), subject.encode()))
        before = after or self.head(branch)
        if before:
            lines.append(f"from {before}\n".encode())
        lines.append(b"deleteall\n")
        for path, content in tree.items():
            mode, body = content if isinstance(content, tuple) else ("100644", content)
            if mode == "160000":
                lines.append(f'M 160000 {body.decode()} "{path}"\n'.encode())
            else:
                lines.append(f'M {mode} inline "{path}"\n'.encode() + b"data %d\n%s\n" % (len(body), body))
        git(self.path, "fast-import", "--quiet", "--force", feed=b"".join(lines))
        return self.head(branch) or ""

    def head(self, branch: str) -> str | None:
        try:
            return git(self.path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        except subprocess.CalledProcessError:
            return None
