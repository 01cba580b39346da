"""The one module that judges what people and files hand in: forms, API, workers and the reading of estate.yaml all ask here.

Each function returns the value that is safe to use, or raises ValidationError with a sentence that names the thing and the next step.
What git may be told is ruled beside git (`remote.git.names`) and asked from here. What is allowed is listed; nothing is refused
by a list of bad things alone. Only ASCII passes, so no look-alike and no bidi character does.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta

from django.core.exceptions import ValidationError

from remote.errors import Refused
from remote.git.names import check_branch

_VPN_NAME = re.compile(r"[a-z][a-z0-9._-]{1,30}[a-z0-9]", re.ASCII)
_INSTANCE = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})", re.ASCII)
_NETWORK = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:/[0-9]{1,3})?", re.ASCII)
_IDEMPOTENCY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,99}", re.ASCII)

_CDN_PATH = re.compile(r"/[A-Za-z0-9._~/%-]{0,198}\*?", re.ASCII)
_ARGUMENTS = re.compile(r"[A-Za-z0-9 ._/:=,@+%-]{1,400}", re.ASCII)

# Names that mean something to OpenVPN's PKI, to the host or to a reader, and would mislead as a person's.
RESERVED_VPN_NAMES = frozenset(
    ["ca", "server", "client", "root", "admin", "crl", "index", "serial", "issued", "private", "revoked", "default", "dhparam", "tls-auth"],
)
WIDEST = {4: 16, 6: 32}  # nobody may allow more, not even two together
NARROWEST_REASONABLE = {4: 24, 6: 48}  # the widest network that may be allowed without a second look, by IP version


def branch_name(value: str) -> str:
    """A branch that may be named to git: the rule is the one that `remote.git` holds every call to, said here to a person."""
    try:
        check_branch(value)
    except Refused:
        refused = True
    else:
        refused = value.startswith("refs/")
    if refused:
        raise ValidationError(
            f"{_shown(value)} is no branch name that the console takes. Use the branch's short name: letters, digits and . _ / + -, "
            "at most 100 characters, not beginning with “-” or “refs/”, without “..”.",
            code="branch",
        )
    if value in ("HEAD", "FETCH_HEAD", "ORIG_HEAD", "MERGE_HEAD") or re.fullmatch(r"[0-9a-fA-F]{40}", value, re.ASCII):
        raise ValidationError(f"{_shown(value)} means something else to git than a branch. Name a branch such as master.", code="branch")
    return value


def vpn_name(value: str) -> str:
    """The name of a VPN user, which is also the name of files and of a certificate."""
    if not _VPN_NAME.fullmatch(value) or ".." in value:
        raise ValidationError(
            f"{_shown(value)} is no name for a VPN user. Use 3 to 32 small letters, digits and . _ -, "
            "beginning with a letter and ending with a letter or a digit, such as jane.doe.",
            code="vpn_name",
        )
    if value in RESERVED_VPN_NAMES:
        raise ValidationError(f"{_shown(value)} is kept for the VPN itself. Choose another name, such as the person's.", code="vpn_name")
    return value


def instance_id(value: str) -> str:
    if not _INSTANCE.fullmatch(value):
        raise ValidationError(
            f"{_shown(value)} is no instance id. Copy it from EC2: i- and 8 or 17 digits (0-9, a-f), such as i-012e92fb498ad40d7.",
            code="instance_id",
        )
    return value


def network(value: str, *, wide: bool = False) -> str:
    """An address or network (CIDR) that may be allowed in; returned as CIDR. `wide` lets networks pass that are wider than /24 or /48."""
    try:
        if not _NETWORK.fullmatch(value):
            raise ValueError
        found = ipaddress.ip_network(value)
    except ValueError:
        raise ValidationError(_not_a_network(value), code="network") from None
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped:
        raise ValidationError(f"{_shown(value)} is an IPv4 address in IPv6 clothes. Write the IPv4 address itself.", code="network")
    address = found.network_address
    if found.prefixlen == 0:
        raise ValidationError(f"{_shown(value)} lets everybody in, which nobody may allow. Name the address that is meant.", code="network")
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local or address.is_reserved:
        raise ValidationError(
            f"{_shown(value)} is no address that a visitor can have. Ask the person to look up their public address.", code="network"
        )
    if found.prefixlen < WIDEST[found.version]:
        raise ValidationError(
            f"{_shown(value)} lets {found.num_addresses:,} addresses in, which nobody may allow. /{WIDEST[found.version]} is the widest.",
            code="network",
        )
    narrowest = NARROWEST_REASONABLE[found.version]
    if found.prefixlen < narrowest and not wide:
        raise ValidationError(
            f"{_shown(value)} lets {found.num_addresses:,} addresses in. Allow a network of /{narrowest} or narrower, or a single address.",
            code="network",
        )
    return str(found)


def is_wide(cidr: str) -> bool:
    """Wider than /24 or /48: a second person has to agree."""
    found = ipaddress.ip_network(cidr)
    return found.prefixlen < NARROWEST_REASONABLE[found.version]


def _not_a_network(value: str) -> str:
    try:
        if _NETWORK.fullmatch(value):
            around = ipaddress.ip_network(value, strict=False)
            return f"{_shown(value)} is an address inside a network. Write the network {around}, or the address alone, without “/”."
    except ValueError:
        pass
    return f"{_shown(value)} is no address or network. Write it like 203.0.113.7, 203.0.113.0/24 or 2001:db8:1::/48, without blanks."


def idempotency_key(value: str) -> str:
    """What a client names its one intention by, so that a repeat of the request is no second run."""
    if not _IDEMPOTENCY.fullmatch(value):
        raise ValidationError(
            f"{_shown(value)} is no Idempotency-Key. Send 8 to 100 letters, digits and . _ : -, new for each intention, such as a UUID.",
            code="idempotency_key",
        )
    return value


def job_arguments(value: str) -> str:
    """What a job of another tool is given, in that tool's own words; "" for nothing. One line, as an operator types it."""
    text = value.strip()
    if text and not _ARGUMENTS.fullmatch(text):
        raise ValidationError(
            f"{_shown(value)} are no arguments that the console passes on. Use one line of at most 400 characters: letters, digits, "
            "blanks and - . _ / : = , @ + %, such as -environment preprod.",
            code="job_arguments",
        )
    return text


def cdn_path(value: str) -> str:
    """A path that a CDN is to forget; * only at its end."""
    text = value.strip()
    if not _CDN_PATH.fullmatch(text):
        raise ValidationError(
            f"{_shown(value)} is no path that the CDN can forget. Begin with /, use letters, digits and . _ ~ / % -, at most 200, "
            "and * only at the end, such as /frontend/*.",
            code="cdn_path",
        )
    return text


def person_name(value: str) -> str:
    """Who answers for an access: a person or a device, as people write it."""
    return _plain(value, "Write who answers for it: a person, or a device and whose it is.", 120)


def reason_given(value: str) -> str:
    return _plain(value, "Say why: whoever looks at it in a year wants to know.", 300)


def contact_given(value: str) -> str:
    """How to reach somebody; it need not be known."""
    return _plain(value, "", 200) if value.strip() else ""


def until_given(value: datetime, *, longest: timedelta) -> datetime:
    """A moment in the future, not too far. Raises ValidationError also for one without a zone."""
    now = datetime.now(UTC)
    if value.tzinfo is None:
        raise ValidationError("The end has no time zone: write it like 2027-11-24T12:00:00+01:00.", code="until")
    if value <= now:
        raise ValidationError("The end is over already: choose a later one.", code="until")
    if value > now + longest:
        raise ValidationError(f"The end is too far: {longest.days} days at most." if longest.days else f"At most {longest}.", code="until")
    return value


def _plain(value: str, empty: str, longest: int) -> str:
    """One line of text for people: trimmed, with nothing invisible in it."""
    trimmed = " ".join(value.split())
    if not trimmed:
        raise ValidationError(empty, code="empty")
    if len(trimmed) > longest:
        raise ValidationError(f"That is {len(trimmed)} characters: {longest} at most.", code="long")
    if any(not char.isprintable() or char in _BIDI for char in trimmed):
        raise ValidationError(f"{_shown(trimmed)} has characters in it that nobody can see. Type it anew.", code="invisible")
    return trimmed


def _shown(value: str) -> str:
    """For a sentence: short, and with nothing invisible in it."""
    short = value if len(value) <= 60 else f"{value[:60]}…"
    return f"“{''.join(char if char.isprintable() and char not in _BIDI else f'<U+{ord(char):04X}>' for char in short)}”"


_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
