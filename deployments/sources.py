"""The repositories of a target, mirrored beside the console, and what changed in them since the last release."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from estate.definition import Repository
from remote.errors import NotFound
from remote.git.mirror import Mirror

LOOK_SECONDS = 15.0  # a page waits for this
SHOWN_COMMITS = 100


def mirror(repository: Repository) -> Mirror:
    ssh_config = Path(settings.SSH_CONFIG) if settings.SSH_CONFIG else None
    return Mirror(settings.DATA_DIR / "mirrors" / f"{repository.key}.git", repository.url, ssh_config)


def heads(repository: Repository, *branches: str) -> dict[str, str]:
    """Asked of the repository itself, quickly: a first fetch may take minutes, this may not. Raises NotFound, Unreachable, Unanswered."""
    return replace(mirror(repository), deadline=LOOK_SECONDS).heads(*branches)


def fetched(repository: Repository, *branches: str) -> tuple[Mirror, dict[str, str]]:
    """The mirror with the heads of these branches in it. Raises NotFound, Unreachable, Refused."""
    its = mirror(repository)
    found = heads(repository, *branches)
    missing = [branch for branch, sha in found.items() if not its.has(sha)]
    if missing:
        its.fetch(missing)
    return its, found


def ensure_commit(its: Mirror, commit: str, branch: str) -> None:
    """Brings a pinned commit into the mirror. Raises NotFound where it has vanished from the repository, and what `fetch` raises."""
    if its.has(commit):
        return
    its.fetch([branch])
    if not its.has(commit):
        raise NotFound(
            f"{its.url} no longer has the commit {commit[:7]} on {branch}",
            "It has vanished by a forced push. Make a new plan: it takes what the branch has now.",
        )


def complete(its: Mirror, abbreviated: str, branch_head: str) -> str:
    """The full id of a commit known by its first letters (from a version label), or "" where the history does not have it."""
    for commit in its.log(None, branch_head, limit=2000):
        if abbreviated and commit.sha.startswith(abbreviated):
            return commit.sha
    return ""


def changes(its: Mirror, *, branch: str, old: str, new: str) -> dict[str, Any]:
    """What a plan shows of a repository: {repository, branch, from, to, commits, files_changed}. `old` may be unknown ("")."""
    found = its.log(old, new, SHOWN_COMMITS) if old and its.has(old) else its.log(None, new, 1)
    commits = [
        {
            "sha": commit.sha,
            "subject": commit.subject,
            "author": commit.author,
            "when": _iso(commit.when),
            "files": list(commit.files[:50]),
            "badges": _badges(commit.files),
        }
        for commit in found
    ]
    files = len(its.changed_files(old, new)) if old and its.has(old) else 0
    name = its.url.split(":")[-1].removesuffix(".git")
    return {"repository": name, "branch": branch, "from": old, "to": new, "commits": commits, "files_changed": files}


def touches_database(path: str) -> bool:
    """A file by which code asks for another schema, or for other data."""
    return path.endswith("db_schema.xml") or "/Setup/" in path or path.startswith("src/Entity/")


def _badges(files: tuple[str, ...]) -> list[str]:
    """What a commit touches that a release has to know about."""
    badges = set()
    for path in files:
        if touches_database(path):
            badges.add("database")
        if path == "app/etc/config.php":
            badges.add("modules")
        if path.startswith("app/design/") or "/view/" in path:
            badges.add("statics")
        if path.startswith((".ebextensions/", ".platform/")):
            badges.add(path.rsplit("/", 1)[-1])
    return sorted(badges)


def _iso(when: datetime) -> str:
    return when.isoformat()
