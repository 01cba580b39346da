"""HAProxy's configuration as its repository has it, beside what runs: the image brings it, so a hand edit is lost at the next rebuild."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from access import place
from estate.ways_in import Kept
from remote.errors import RemoteError
from remote.git.mirror import Mirror
from runs.redact import MARK, redact

EVERY = timedelta(minutes=5)  # the repository itself is asked; what runs is compared at each look
LONGEST = 300  # lines of a difference that are kept
_LOOK_SECONDS = 15.0
_PASSWORD = re.compile(r"(?i)\b(auth|password|insecure-password)(\s+)(\S+)")
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def compared(running: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """{repository, branch, path, commit, asked, lines, error}: `lines` are none where both say the same. {} where estate.yaml names none.

    `before` is the last answer: where the repository does not answer, its commit goes on counting, and `error` says why. `asked`: when it
    was last asked, whether it answered or not.
    """
    kept = place.gateway().configuration
    if kept is None:
        return {}
    where = {"repository": kept.repository, "branch": kept.branch, "path": kept.path}
    before = before if {name: before.get(name) for name in where} == where else {}
    found: dict[str, Any] = {**where, "commit": "", "asked": "", "error": "", "lines": []} | {**before, "lines": []}
    if not found["asked"] or timezone.now() - datetime.fromisoformat(found["asked"]) >= EVERY:
        found |= {"asked": timezone.now().isoformat(), "error": ""}
        try:
            found["commit"] = _head(kept)
        except (RemoteError, OSError) as error:
            found["error"] = _why(error)
    if found["commit"]:
        try:
            found["lines"] = list(differences(_mirror(kept).file(found["commit"], kept.path).decode("utf-8", "replace"), running))
        except (RemoteError, OSError) as error:
            found |= {"commit": "", "error": _why(error)}
    return found


def differences(kept: str, running: str) -> Iterator[dict[str, Any]]:
    """As lines of a unified difference: {kind: "@", "+" (it runs alone), "-" (the repository has it alone) or " ", old, new, text}."""
    old, new = 0, 0
    before, after = ([redact(line.rstrip()) for line in text.splitlines()] for text in (kept, running))
    lines = difflib.unified_diff(before, after, lineterm="", n=2)
    for number, line in enumerate(lines):
        if number < 2:  # the names of the files
            continue
        if number > LONGEST:
            yield {"kind": "@", "old": None, "new": None, "text": "… and more: compare the files themselves."}
            return
        if match := _HUNK.fullmatch(line):
            old, new = int(match[1]), int(match[2])
            yield {"kind": "@", "old": None, "new": None, "text": line}
            continue
        kind, text = line[0], _PASSWORD.sub(rf"\1\2{MARK}", line[1:])[:300]
        yield {"kind": kind, "old": None if kind == "+" else old, "new": None if kind == "-" else new, "text": text}
        old, new = old + (kind != "+"), new + (kind != "-")


def _head(kept: Kept) -> str:
    """The branch's commit, in the mirror by now. Raises RemoteError, OSError."""
    its = _mirror(kept)
    commit = its.heads(kept.branch)[kept.branch]
    if not its.has(commit):
        its.fetch([kept.branch])
    return commit


def _why(error: RemoteError | OSError) -> str:
    if isinstance(error, RemoteError):
        return error.told
    return f"The console's own mirror of it cannot be used: {error}. Look at the disk of its data folder."


def _mirror(kept: Kept) -> Mirror:
    ssh_config = Path(settings.SSH_CONFIG) if settings.SSH_CONFIG else None
    return Mirror(settings.DATA_DIR / "mirrors" / f"{kept.repository}.git", kept.url, ssh_config, deadline=_LOOK_SECONDS)
