"""Where notifications may go, besides people's own mail: what NOTIFY_TARGETS names, and nothing else.

An address of Slack or Teams is a secret: it stands in the settings alone; channels, pages and logs know its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}\Z")
_MAIL = re.compile(r"[^@\s,;<>]{1,64}@[^@\s,;<>]{1,190}\Z")
HOWS = ("mail", "slack", "teams", "webhook")


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    how: str
    address: str

    def __repr__(self) -> str:
        return f"Target({self.name}, {self.how})"  # a log must not show the address


def targets() -> dict[str, Target]:
    """By name; what cannot be used is left out, and said by the system check."""
    return {target.name: target for target, _ in _read() if target is not None}


def _read() -> Iterator[tuple[Target | None, str]]:
    named: Mapping[str, Any] = settings.NOTIFY_TARGETS
    for name, value in named.items():
        how, _, address = str(value).partition(":")
        if not _NAME.match(name):
            yield None, f"“{name[:60]}” is no name: small letters, digits and dashes."
        elif how not in HOWS:
            yield None, f"{name} begins with none of {', '.join(each + ':' for each in HOWS)}."
        elif how == "mail" and not _MAIL.match(address):
            yield None, f"{name} has no mail address behind mail:."
        elif how != "mail" and not _is_https(address):
            yield None, f"{name} is not https://HOST/PATH."
        else:
            yield Target(name, how, address), ""


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and bool(parts.hostname) and not parts.username
    except ValueError:
        return False


@register("console")
def sound_targets(**_: Any) -> list[CheckMessage]:
    hint = 'Write it as JSON: {"team-slack": "slack:https://…", "on-call": "mail:ops@client.url"}.'
    return [Error(f"NOTIFY_TARGETS: {said}", hint=hint, id="console.E013") for _, said in _read() if said]
