"""Takes secrets out of text before it is written anywhere: those that the console knows, in the forms in which they travel, and those that
give themselves away by their shape."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import logging
import re
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from functools import lru_cache

logger = logging.getLogger(__name__)

MARK = "[secret]"
SHORTEST = 8  # a shorter one would blot out ordinary words
EDGE = 6  # characters of a known secret at the end or the start of a block by which a wrapped one is recognised
KEY_LINES = 500  # twice as many as the longest private key has: where none of them ends it, it was none, and hides no more

_PRIVATE_KEY = "PRIVATE KEY-----"
_PRIVATE_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_PRIVATE_KEY_END = re.compile(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----")
# (what must be in the text for the pattern to be worth trying, the pattern, its replacement)
_SHAPES = (
    ("AKIA", re.compile(r"\bAKIA[A-Z0-9]{16}\b"), MARK),
    ("ASIA", re.compile(r"\bASIA[A-Z0-9]{16}\b"), MARK),
    ("://", re.compile(r"(://[^/\s:@]*:)[^@\s/]+(?=@)"), rf"\1{MARK}"),
    ("ecret", re.compile(r"(?i)(secret_?access_?key[\"']?\s*(?:[=:]|=>)\s*[\"']?)[A-Za-z0-9/+]{40}"), rf"\1{MARK}"),
    ("SECRET", re.compile(r"(?i)(secret_?access_?key[\"']?\s*(?:[=:]|=>)\s*[\"']?)[A-Za-z0-9/+]{40}"), rf"\1{MARK}"),
    ("uthorization", re.compile(r"(?i)(authorization:\s*(?:bearer|basic)\s+)\S+"), rf"\1{MARK}"),
)

# What the environment of every process of the console may hold.
_SECRETS = ("SECRET_KEY", "AUDIT_KEY", "OIDC_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RUNDECK_TOKEN")
_LISTS = ("SECRET_KEY_FALLBACKS",)  # of secrets, with commas between
_ADDRESSES = ("DATABASE_URL", "REDIS_URL", "LIVE_REDIS_URLS", "HTTPS_PROXY", "HTTP_PROXY")  # with passwords inside

_known: frozenset[str] = frozenset()
_lock = threading.Lock()


def know(secret: str) -> None:
    """From now on it is taken out of all text, in eight encodings. A secret of several lines is known line by line, too.

    Raises ValueError for one that is too short to be told from ordinary words.
    """
    global _known
    if len(secret.strip()) < SHORTEST:
        raise ValueError(f"a secret of fewer than {SHORTEST} characters cannot be told from ordinary words; choose a longer one")
    lines = [line.strip() for line in secret.splitlines()]
    forms = {form for part in [secret.strip(), *lines] if len(part) >= SHORTEST for form in encodings(part)}
    with _lock:
        _known |= forms


def know_those_of(environment: Mapping[str, str]) -> None:
    """The secrets that the console itself was started with. One too short to be told from a word is named in the log, never shown."""
    for name in (*_SECRETS, *_LISTS, *_ADDRESSES):
        value = environment.get(name, "")
        for secret in _passwords(value) if name in _ADDRESSES else {*(value.split(",") if name in _LISTS else [value])} - {""}:
            try:
                know(secret)
            except ValueError as error:
                logger.info("%s is not taken out of logs: %s", name, error)


def _passwords(addresses: str) -> set[str]:
    """Of one address, or of several with commas between: as each is written, and as it is meant."""
    found: set[str] = set()
    for address in re.split(r",(?=\w+://)", addresses):
        with contextlib.suppress(ValueError):
            password = urllib.parse.urlsplit(address).password or ""
            found |= {password, urllib.parse.unquote(password)}
    return found - {""}


def forget_all() -> None:
    global _known
    with _lock:
        _known = frozenset()


def encodings(secret: str) -> set[str]:
    """Plain, base64 (at each of three places in a longer text), base64 for URLs, percent, hex, JSON, HTML, shell quotes."""
    raw = secret.encode()
    forms = {
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        raw.hex(),
        raw.hex().upper(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        secret.replace("'", "'\"'\"'"),
        secret.replace("'", "'\\''"),
    }
    for before in range(3):
        inside = base64.b64encode(b"\0" * before + raw).decode()
        # the characters at both ends share bits with the neighbours
        sure = inside[(0, 2, 3)[before] :].rstrip("=")[: -1 if (len(raw) + before) % 3 else None]
        forms |= {sure, sure.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= SHORTEST}


def redact(text: str) -> str:
    """One text by itself. For a stream of them, which may split a secret, take a `Redactor`."""
    return Redactor().clean(text)


class Redactor:
    """For one stream of text: remembers whether it is inside a private key."""

    def __init__(self) -> None:
        self._keys = PrivateKeys()

    def clean(self, text: str) -> str:
        """`text` is whole lines joined by newlines; the same number of lines comes back."""
        if self._keys.is_open or _PRIVATE_KEY in text:
            text = "\n".join(self._keys.without(line) for line in text.split("\n"))
        for sign, pattern, replacement in _SHAPES:
            if sign in text:
                text = pattern.sub(replacement, text)
        return _without_known(text, _known) if _known else text


class PrivateKeys:
    """Those in one stream of lines."""

    def __init__(self) -> None:
        self._left = 0  # lines that the one which has begun may still have

    @property
    def is_open(self) -> bool:
        """The lines so far have begun one and not ended it."""
        return self._left > 0

    def look_at(self, lines: Iterable[str]) -> None:
        for line in lines:
            if self._left or _PRIVATE_KEY in line:
                self.without(line)

    def without(self, line: str) -> str:
        shown = ""
        while found := (_PRIVATE_KEY_END if self._left else _PRIVATE_KEY_BEGIN).search(line):
            if self._left:
                shown, self._left = shown + MARK, 0
            else:
                shown, self._left = shown + line[: found.start()], KEY_LINES
            line = line[found.end() :]
        if not self._left:
            return shown + line
        self._left -= 1
        return shown + MARK


def _without_known(text: str, known: frozenset[str]) -> str:
    flat = text.replace("\n", "")
    for form in known:
        if form in flat:
            text = _wrapped(form).sub(_mark_keeping_lines, text)
    return _clean_end(_clean_start(text, known), known)


@lru_cache(maxsize=4096)
def _wrapped(form: str) -> re.Pattern[str]:
    """It may be wrapped over lines, anywhere."""
    return re.compile(r"\n?".join(re.escape(character) for character in form))


def _mark_keeping_lines(match: re.Match[str]) -> str:
    return MARK + "\n" * match.group().count("\n")


def _clean_start(text: str, known: frozenset[str]) -> str:
    """The rest of a secret whose first part ended the block before."""
    first, newline, rest = text.partition("\n")
    for form in known:
        if form[-EDGE:] not in first:
            continue
        for length in range(min(len(form) - 1, len(first)), EDGE - 1, -1):
            if first.startswith(form[-length:]):
                return MARK + first[length:] + newline + rest
    return text


def _clean_end(text: str, known: frozenset[str]) -> str:
    """The first part of a secret that goes on in the next block."""
    before, newline, last = text.rpartition("\n")
    for form in known:
        if form[:EDGE] not in last:
            continue
        for length in range(min(len(form) - 1, len(last)), EDGE - 1, -1):
            if last.endswith(form[:length]):
                return before + newline + last[:-length] + MARK
    return text
