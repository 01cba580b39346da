"""The console's own programs on hosts, each the one that a sudo rule names: where they stand, and how they are called.

What a program says comes in sections: a line that begins with the record separator names one and may carry a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from remote.errors import Refused
from runs.doors import runner

FOLDER = "/opt/opsconsole"
LOOK_SECONDS = 9.0
_SEPARATOR = "\036"
_INSTALL = "Install it with `manage.py install_access_programs`, or by the image; docs/access.md says how."


def argv(program: str, *words: str) -> tuple[str, ...]:
    return ("sudo", f"{FOLDER}/{program}", *words)


@cache
def source(program: str) -> bytes:
    return (Path(__file__).parent / "host" / f"{program}.sh").read_bytes()


def sha256(program: str) -> str:
    return hashlib.sha256(source(program)).hexdigest()


def install(program: str, ip: str) -> None:
    """Raises RemoteError."""
    runner().put(ip, f"{FOLDER}/{program}", source(program))


def ask(program: str, ip: str, *words: str) -> Sections:
    """A look that changes nothing. Raises RemoteError; Refused where the program is not there, is another one, or says no."""
    found = runner().probe(ip, argv(program, *words), deadline=LOOK_SECONDS)
    text = found.out.decode("utf-8", "replace")
    if found.rc in (126, 127) or (found.rc != 0 and not text):
        raise Refused(f"{ip} has no {FOLDER}/{program}, or it may not be run by sudo", _INSTALL)
    if found.rc != 0:
        raise Refused(f"{ip}: {text.strip()[:300]}", "The host's own program refuses it.")
    sections = Sections(text)
    if not sections.has("end"):
        raise Refused(f"{ip}: the answer of {FOLDER}/{program} is cut off", "It is asked again.")
    if sections.word("program") != sha256(program):
        raise Refused(f"{ip} has another version of {FOLDER}/{program}", _INSTALL)
    return sections


class Sections:
    """What a program printed, by section."""

    def __init__(self, text: str) -> None:
        text = text.replace("\0", "")  # which no database keeps
        self._words: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        for part in text.split(_SEPARATOR)[1:]:
            head, _, body = part.partition("\n")
            name, _, word = head.partition(" ")
            self._words[name], self._texts[name] = word.strip(), body

    def has(self, name: str) -> bool:
        return name in self._words

    def word(self, name: str) -> str:
        return self._words.get(name, "")

    def text(self, name: str) -> str:
        return self._texts.get(name, "")

    def lines(self, name: str) -> list[str]:
        return [line for line in self.text(name).splitlines() if line]

    @property
    def words(self) -> Mapping[str, str]:
        return dict(self._words)
