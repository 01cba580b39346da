"""Whether what `create_user.sh` left is what was wanted: the PKI index has the certificate, the profile is complete and verifies.

Its exit code says nothing: with base.conf or ta.key missing it is 0. What failed is told apart here, in words, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from access.programs import Sections, ask
from access.vpn import index
from access.vpn.index import Line
from access.vpn.server import MISSING, PROGRAM, first_certificate, serial_of

_TLS = ("tls-crypt", "tls-auth", "tls-crypt-v2")


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one name on the host. `problems` is empty where a profile is good to hand over."""

    valid: Line | None
    lines: tuple[Line, ...]
    left: tuple[str, ...]  # files of a name: request, private key, certificate, profile
    lacks: tuple[str, ...]
    free_kilobytes: int | None
    mode: str
    problems: tuple[str, ...]

    @property
    def serial(self) -> str:
        return self.valid.serial if self.valid else ""

    @property
    def ends(self) -> datetime | None:
        return self.valid.ends if self.valid else None


def look(ip: str, name: str) -> Found:
    """Raises RemoteError."""
    return read(ask(PROGRAM, ip, "look", name), name)


def read(found: Sections, name: str) -> Found:
    lines = tuple(index.lines(found.text("index")))
    valid = index.newest_valid(lines, name)
    left = [
        what
        for what, there in (("request", "request"), ("private key", "private"), ("certificate", "issued"))
        if found.word(there) == "yes"
    ]
    if found.word("mode"):
        left.append("profile")
    free = found.word("free")
    problems = tuple(_problems(found, name, valid))
    lacks = tuple(each for each in MISSING if found.word(each) == "no")
    return Found(valid, lines, tuple(left), lacks, int(free) if free.isdecimal() else None, found.word("mode"), problems)


def _problems(found: Sections, name: str, valid: Line | None) -> Iterator[str]:
    if valid is None:
        yield f"The PKI index has no valid certificate of {name}."
        return
    if not found.word("mode"):
        yield f"There is no profile /root/client-configs/files/{name}.ovpn."
        return
    text = found.text("profile")
    if not text.strip():
        yield "The profile is empty."
        return
    if found.word("mode") not in ("600", "400"):
        yield f"The profile has mode {found.word('mode')}: others on the host can read the key in it."
    if not any(line.startswith("remote ") for line in text.splitlines()):
        yield "The profile has no “remote” line: base.conf was missing when it was made."
    yield from _blocks(text)
    yield from _certificate(found, text, name, valid)


def _blocks(text: str) -> Iterator[str]:
    for block in ("ca", "cert"):
        if "-----BEGIN CERTIFICATE-----" not in _block(text, block):
            yield f"The profile has no certificate in <{block}>."
    if _count(_block(text, "key")) < 3:
        yield "The profile has no private key in <key>."
    tls = next((block for block in _TLS if _block(text, block)), "")
    if not tls or _count(_block(text, tls)) < 3:
        yield "The profile has no key in <tls-crypt>: ta.key was missing when it was made."


def _certificate(found: Sections, text: str, name: str, valid: Line) -> Iterator[str]:
    certificate, authority = first_certificate(_block(text, "cert")), first_certificate(found.text("ca"))
    if certificate is None or authority is None:
        return
    if certificate.subject.rfc4514_string() != f"CN={name}":
        yield f"The certificate in the profile is not {name}'s: {certificate.subject.rfc4514_string()}."
    if serial_of(certificate) != valid.serial:
        yield f"The certificate in the profile is not the newest one (serial {serial_of(certificate)}, the index has {valid.serial})."
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        yield "The certificate in the profile does not verify against the CA."
    try:
        public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    except (ValueError, UnsupportedAlgorithm):
        public = ""
    if not public or found.text("public").split() != public.split():
        yield "The private key in the profile does not belong to its certificate."


def _block(text: str, name: str) -> str:
    _, _, rest = text.partition(f"<{name}>")
    return rest.partition(f"</{name}>")[0]


def _count(block: str) -> int:
    """Of a block that holds a secret the host says only how many lines it has."""
    words = block.split()
    return int(words[1]) if words[:1] == ["lines"] and words[1:2] and words[1].isdecimal() else 0


def why_it_failed(found: Found, name: str, output: str) -> str:
    """In words, with what to do. `output` is what the script printed."""
    said = output.lower()
    if "script" in found.lacks or "there is no /root/client-configs/create_user.sh" in said:
        return f"{MISSING['script']} Bring it back from the image's repository, then create {name} again."
    if "no space left on device" in said:
        return f"The host's disk is full: “No space left on device”. Make room, then create {name} again; what was begun is set aside."
    if "pass phrase" in said or "could not read ca private key" in said or "unable to load ca private key" in said:
        return (
            "The CA's key asks for a pass phrase, which nobody can type here: nothing was signed. "
            f"Sign by hand on the host, or take the pass phrase off /root/easy-rsa/pki/private/ca.key; then create {name} again."
        )
    if "easyrsa: not found" in said or "easyrsa: no such file" in said or "easyrsa: permission denied" in said:
        return (
            f"There is no /root/easy-rsa/easyrsa that can be run on the host: nothing was signed. Bring it back, then create {name} again."
        )
    if "already exists" in said or "conflicting file found" in said:
        return f"The name {name} is taken on the host: easy-rsa found files of it. Look at it there, or choose another name."
    missing = [MISSING[each] for each in found.lacks]
    if missing:
        return f"{' '.join(missing)} Its exit code was 0 all the same. Bring the file back, then re-issue {name}."
    return f"{' '.join(found.problems)} The lines of the host are in this run's log. Mend it there, then create {name} again."
