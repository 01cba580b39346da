"""The edits of the release job, as pure functions of a file's text: PHP's limits in `.user.ini`, redirections in `.htaccess`.

Editing twice gives the same text as editing once.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import asdict, dataclass

SETTING_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*")
SETTING_VALUE = re.compile(r"[A-Za-z0-9_.,:/+-]*")
REDIRECT_PATH = re.compile(r"/[A-Za-z0-9_.~/%+-]*")
REDIRECT_TARGET = re.compile(r"(?:https?://[A-Za-z0-9.-]+(?::\d{1,5})?)?/[A-Za-z0-9_.~/%+?=&#:,-]*")
STATUSES = (301, 302, 303, 307, 308)
FIRST, LAST = "# Redirections of this release", "# End of the redirections of this release"


@dataclass(frozen=True)
class Redirect:
    """One path that answers with another address."""

    source: str
    target: str
    status: int = 301

    def __post_init__(self) -> None:
        if not REDIRECT_PATH.fullmatch(self.source):
            raise ValueError(f"{self.source!r} is not a path to redirect: it begins with / and has no spaces or quotes")
        if not REDIRECT_TARGET.fullmatch(self.target):
            raise ValueError(f"{self.target!r} is not an address to redirect to: a path, or http(s)://host/path")
        if self.status not in STATUSES:
            raise ValueError(f"{self.status} is not a status of a redirection: {', '.join(map(str, STATUSES))}")


@dataclass(frozen=True)
class Edits:
    """What is changed in which files. A file that neither repository has is not made: the manifest reports it."""

    settings: tuple[tuple[str, str], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    settings_files: tuple[str, ...] = (".user.ini", "pub/.user.ini")
    redirects_files: tuple[str, ...] = (".htaccess", "pub/.htaccess")

    def __post_init__(self) -> None:
        for name, value in self.settings:
            if not SETTING_NAME.fullmatch(name) or not SETTING_VALUE.fullmatch(value):
                raise ValueError(f"{name} = {value!r} is not a setting of PHP: a name, and a value without spaces or quotes")

    @property
    def digest(self) -> str:
        """The name of these edits: equal for equal edits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def files(self) -> tuple[str, ...]:
        """The paths that there is something to edit in."""
        return (*(self.settings_files if self.settings else ()), *(self.redirects_files if self.redirects else ()))

    def apply(self, path: str, text: bytes) -> bytes:
        """The text of this file after the edits."""
        if path in self.settings_files:
            text = edit_settings(text, self.settings)
        if path in self.redirects_files:
            text = edit_redirects(text, self.redirects)
        return text


def edit_settings(text: bytes, settings: tuple[tuple[str, str], ...]) -> bytes:
    """Set each name where it stands, or append it. Comments (`;`) stay; of a name set twice, PHP takes the last, so all are set."""
    for name, value in settings:
        line = f"{name} = {value}".encode()
        text, times = re.subn(rb"(?mi)^[ \t]*" + re.escape(name.encode()) + rb"[ \t]*=[^\r\n]*", lambda _: line, text)  # noqa: B023
        if not times:
            text = _with_end_of_line(text) + line + b"\n"
    return text


def edit_redirects(text: bytes, redirects: tuple[Redirect, ...]) -> bytes:
    """One marked block of `RedirectMatch` at the top, where a person looks first. An earlier block is replaced."""
    text = re.sub(rb"(?ms)^" + re.escape(FIRST.encode()) + rb"$.*?^" + re.escape(LAST.encode()) + rb"\n\n", b"", text)
    if not redirects:
        return text
    rules = [f"RedirectMatch {one.status} ^{re.escape(one.source)}$ {one.target}" for one in redirects]
    return "\n".join([FIRST, *rules, LAST, "", ""]).encode() + text


def difference(path: str, before: bytes, after: bytes) -> str:
    """The unified diff that a person reads; empty where nothing changes."""
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _with_end_of_line(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"
