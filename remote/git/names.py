"""Which branch names, commits, paths and addresses may be given to git at all.

Stricter than git's own rules, which let `$(id)`, `;id` and a leading `-` through. Each check returns what it got, or raises `Refused`.
"""

from __future__ import annotations

import re

from remote.errors import Refused

BRANCH = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/+-]{0,98}[A-Za-z0-9_+-])?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SSH_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!:)[A-Za-z0-9_~/.][\w.~/+-]*")
URL_ADDRESS = re.compile(r"(?:ssh|https)://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/[\w.~/+-]+")
FILE_ADDRESS = re.compile(r"(?:file://)?/[^\x00-\x1f]+")


def check_branch(name: str) -> str:
    """A branch name, without `refs/heads/`."""
    parts = name.split("/")
    if not BRANCH.fullmatch(name) or ".." in name or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts):
        raise Refused(
            f"{name!r} cannot be a branch name",
            "Use letters, digits and . _ / + -, at most 100, beginning with a letter or digit.",
        )
    return name


def check_commit(sha: str) -> str:
    """A full commit id: 40 lower-case hexadecimal digits."""
    if not COMMIT.fullmatch(sha):
        raise Refused(f"{sha!r} is not a full commit id", "Give all 40 hexadecimal digits of the commit.")
    return sha


def check_path(path: str) -> str:
    """A path inside a repository, relative, with nothing that climbs."""
    parts = path.split("/")
    if "\0" in path or "\n" in path or any(part in ("", ".", "..") for part in parts):
        raise Refused(f"{path!r} is not a path inside the repository", "Give a path relative to the top of the repository.")
    return path


def check_address(url: str, *, allow_file: bool) -> str:
    """An address that git may fetch from: ssh or https, and a local folder only where the caller allows it."""
    if SSH_ADDRESS.fullmatch(url) or URL_ADDRESS.fullmatch(url) or (allow_file and FILE_ADDRESS.fullmatch(url)):
        return url
    raise Refused(f"{url!r} is not an address of a repository", "Use user@host:path, ssh://… or https://….")
