"""Keys: the hosts' pinned ones (known_hosts), and our own (IdentityFile). Files are read again when they change.

A host that shows a key which is not pinned is refused before anything of ours is sent to it. Only a person pins a key, never this code.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import paramiko

from remote.errors import Denied, HostKeyRefused, Refused
from remote.ssh.certificates import Authority, NotCertified
from remote.ssh.certificates import check as check_certificate
from remote.ssh.routes import Route

Key = TypeVar("Key")
_lock = threading.Lock()
_read: dict[tuple[str, str], tuple[int, object]] = {}


def pinned(route: Route) -> list[paramiko.PKey]:
    """The keys that the host may show; empty where none is pinned."""
    return [key for known in _files(route) for key in known.keys_of(route.key_name)]


def authorities(route: Route) -> list[Authority]:
    """Who may vouch for the host's key with a certificate (`@cert-authority`)."""
    return [one for known in _files(route) for one in known.authorities if one.speaks_for(route.key_name) and one.key not in known.revoked]


def _files(route: Route) -> list[_KnownHosts]:
    return [known for name in route.known_hosts if (known := _cached("known_hosts", name, _known_hosts)) is not None]


def own(route: Route) -> list[paramiko.PKey]:
    """Our keys for the host. Raises Denied where there is none to show."""
    if not route.identities:
        raise Denied(f"No key to show to {route}", "Give the host an IdentityFile in the ssh_config.")
    found = [key for name in route.identities if (key := _cached("identity", name, _identity)) is not None]
    if not found:
        raise Denied(f"The key for {route} is not there: {', '.join(route.identities)}", "Put it there, readable by the console alone.")
    return found


def versions(route: Route) -> tuple[int, ...]:
    """When each of our keys for the host, and for those on the way to it, was written; 0 where it is not there."""
    return tuple(_written(name) for name in route.identities) + (versions(route.jump) if route.jump else ())


def _written(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns
    except OSError:
        return 0


def check(route: Route, shown: paramiko.PKey) -> None:
    """Raises HostKeyRefused unless `shown` is a pinned key, or has a certificate of an authority that is trusted for this host."""
    known = pinned(route)
    if any(key == shown for key in known):
        return
    if vouching := authorities(route):
        _must_be_certified(route, shown, vouching)
        return
    line = f"{route.key_name} {shown.get_name()} {shown.get_base64()}"
    how = f"If it is the same, put this line into {route.known_hosts[0] if route.known_hosts else 'known_hosts'}: {line}"
    if not known:
        raise HostKeyRefused(
            f"{route} is unknown: no key is pinned for {route.key_name}; it showed {_named(shown)}",
            f"Compare the fingerprint with what the host printed at its first boot (EC2 console output). {how}",
        )
    raise HostKeyRefused(
        f"{route} showed another key than the pinned one: {_named(shown)}; pinned is {', '.join(_named(key) for key in known)}",
        "Either the host was replaced, or somebody stands between. Compare the fingerprint with the host's console output. "
        f"{how} — in place of the old one.",
    )


def _must_be_certified(route: Route, shown: paramiko.PKey, vouching: list[Authority]) -> None:
    try:
        if any(shown in known.revoked for known in _files(route)):
            raise NotCertified("its key is revoked")
        check_certificate(shown, route.key_name, vouching)
        return
    except NotCertified as error:
        why = str(error)
    raise HostKeyRefused(
        f"{route} showed {_named(shown)}, and no authority vouches for it: {why}",
        f"Sign the host's key anew for the name {route.key_name} (ssh-keygen -s, see docs/hosts.md), or look who answers there.",
    )


def _named(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _cached(kind: str, name: str, read: Callable[[str], Key]) -> Key | None:
    """None where there is no such file."""
    try:
        version = Path(name).stat().st_mtime_ns
        with _lock:
            if _read.get((kind, name), (0, None))[0] != version:
                _read[kind, name] = (version, read(name))
            return cast(Key, _read[kind, name][1])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error}", "Let the console's user, and nobody else, read it.") from error


@dataclass(slots=True)
class _KnownHosts:
    """One known_hosts file: keys by plain name, and those whose names are hashed."""

    plain: dict[str, list[paramiko.PKey]] = field(default_factory=dict)
    hashed: list[tuple[str, paramiko.PKey]] = field(default_factory=list)
    revoked: list[paramiko.PKey] = field(default_factory=list)
    authorities: list[Authority] = field(default_factory=list)

    def keys_of(self, name: str) -> list[paramiko.PKey]:
        found = self.plain.get(name, []) + [key for pattern, key in self.hashed if paramiko.HostKeys.hash_host(name, pattern) == pattern]
        return [key for key in found if key not in self.revoked]


def _known_hosts(name: str) -> _KnownHosts:
    """Lines that are not understood (patterns, unknown kinds of key) pin nothing."""
    known = _KnownHosts()
    for line in Path(name).read_text(errors="replace").splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", "@revoked", "@cert-authority"):
            continue
        try:
            key = paramiko.PKey.from_type_string(words[1], base64.b64decode(words[2], validate=True))
        except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError):
            continue
        if marker == "@revoked":
            known.revoked.append(key)
        elif marker:
            known.authorities.append(Authority(tuple(words[0].split(",")), key))
        elif words[0].startswith("|1|"):
            known.hashed.append((words[0], key))
        else:
            for host in words[0].split(","):
                known.plain.setdefault(host, []).append(key)
    return known


def _identity(name: str) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(name)
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        raise Denied(
            f"{name} is not a key that can be used: {error}", "Use a key without a passphrase, readable by the console alone."
        ) from error
