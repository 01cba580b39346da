"""Host certificates: a host whose key a trusted authority has signed is known before it was ever seen (PROTOCOL.certkeys of OpenSSH).

The authority stands in known_hosts, on a line that begins with `@cert-authority` and the names it may speak for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import paramiko

HOST = 2  # a certificate of a host; 1 is one of a person
_NUMBERS = {"ssh-rsa": 2, "rsa-sha2-256": 2, "rsa-sha2-512": 2, "ssh-ed25519": 1}  # fields of the key itself; ecdsa has two
_SUFFIX = "-cert-v01@openssh.com"


class NotCertified(Exception):
    """`str(error)` says what is wrong with the certificate."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`patterns` as known_hosts has them: names with * and ?, some with ! in front, which are excluded."""

    patterns: tuple[str, ...]
    key: paramiko.PKey

    def speaks_for(self, name: str) -> bool:
        matching = [pattern for pattern in self.patterns if _fits(pattern.removeprefix("!"), name)]
        return bool(matching) and not any(pattern.startswith("!") for pattern in matching)


def check(shown: paramiko.PKey, name: str, authorities: Sequence[Authority], *, now: datetime | None = None) -> None:
    """`name` is that under which the host is pinned. Raises NotCertified unless an authority vouches for this key and name, now."""
    if shown.public_blob is None:
        raise NotCertified("it has no certificate")
    blob = shown.public_blob.key_blob
    try:
        _check(paramiko.Message(blob), blob, _plain(name), authorities, int((now or datetime.now(UTC)).timestamp()))
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, IndexError) as error:
        raise NotCertified(f"its certificate cannot be read ({error})") from error


def _check(message: paramiko.Message, blob: bytes, name: str, authorities: Sequence[Authority], now: int) -> None:
    kind = message.get_text().removesuffix(_SUFFIX)
    for _ in range(1 + _NUMBERS.get(kind, 2)):  # the nonce, and the key's own fields
        message.get_binary()
    message.get_int64()  # serial number
    if message.get_int() != HOST:
        raise NotCertified("its certificate is a person's, not a host's")
    key_id = message.get_text()
    principals = _strings(message.get_binary())
    begins, ends = message.get_int64(), message.get_int64()
    critical = message.get_binary()
    message.get_binary()  # extensions: a host's has none that matter
    message.get_binary()
    signer = _key(message.get_binary())
    signed = blob[: len(blob) - len(message.get_remainder())]
    signature = paramiko.Message(message.get_binary())
    vouching = [each for each in authorities if each.key == signer]
    if not vouching:
        raise NotCertified(
            f"its certificate “{key_id}” is of an authority that is not known here: {signer.get_name()} {signer.fingerprint}"
        )
    if not signer.verify_ssh_sig(signed, signature):
        raise NotCertified(f"the signature of its certificate “{key_id}” is wrong")
    if critical:
        raise NotCertified(f"its certificate “{key_id}” has conditions that are not understood")
    if not begins <= now < ends:
        raise NotCertified(f"its certificate “{key_id}” is valid from {_time(begins)} until {_time(ends)}, and not now")
    if name not in (principal.lower() for principal in principals):
        raise NotCertified(f"its certificate “{key_id}” is for {', '.join(principals) or 'no name'}, not for {name}")


def _key(blob: bytes) -> paramiko.PKey:
    return paramiko.PKey.from_type_string(paramiko.Message(blob).get_text(), blob)


def _strings(packed: bytes) -> list[str]:
    message, found = paramiko.Message(packed), []
    while message.get_remainder():
        found.append(message.get_text())
    return found


def _fits(pattern: str, name: str) -> bool:
    words = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(words, name.lower()) is not None


def _plain(name: str) -> str:
    """Certificates name hosts without ports."""
    found = re.fullmatch(r"\[(.+)\]:\d+", name)
    return (found[1] if found else name).lower()


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%d %b %Y %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "for ever"
