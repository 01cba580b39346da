"""How a host is reached: the ordinary `ssh_config` (SSH_CONFIG, else ~/.ssh/config), read anew when it changes.

Understood: HostName, Port, User, IdentityFile, UserKnownHostsFile, HostKeyAlias, ProxyJump. Not understood: Include, ProxyCommand.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
from dataclasses import dataclass
from pathlib import Path

import paramiko

from remote.errors import Refused

_SECTION = re.compile(r"\s*(host|match)(?:\s*=\s*|\s+)(.+)", re.IGNORECASE)
_CANONICAL = re.compile(r"^\s*CanonicalizeHostname", re.IGNORECASE | re.MULTILINE)
_OF_PATTERNS = frozenset("*?![")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")
_JUMP = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Route:
    """Everything that decides which machine answers and as whom we come: two equal routes may share a connection."""

    alias: str
    hostname: str
    port: int
    user: str
    identities: tuple[str, ...]
    known_hosts: tuple[str, ...]
    key_name: str  # under which the host's key is pinned
    jump: Route | None = None

    def __str__(self) -> str:
        return f"{self.alias} ({self.user}@{self.hostname}:{self.port})"


class _Config:
    """An `ssh_config`, cut into its blocks. paramiko tries the patterns of every block for each name, twice; here it sees only those
    that may be meant. With a hundred hosts that is a second less when all are asked for the first time.
    """

    def __init__(self, text: str = "") -> None:
        """Raises ConfigParseError."""
        paramiko.SSHConfig.from_text(text)
        self._blocks = [""]
        self._open = [0]  # numbers of those that any name may match
        self._named: dict[str, list[int]] = {}
        canonical = _CANONICAL.search(text) is not None  # names are then looked up by others than the ones that are asked for
        for line in text.splitlines(keepends=True):
            if section := _SECTION.match(line):
                self._blocks.append("")
                names = shlex.split(section[2]) if section[1].lower() == "host" else []
                number = len(self._blocks) - 1
                if canonical or not names or any(set(name) & _OF_PATTERNS for name in names):
                    self._open.append(number)
                else:
                    line = "Host *\n"  # who is led here by a name is meant: no pattern has to be made of it
                    for name in names:
                        self._named.setdefault(name, []).append(number)
            self._blocks[-1] += line

    def lookup(self, name: str) -> paramiko.SSHConfigDict:
        meant = sorted({*self._open, *self._named.get(name, ())})
        return paramiko.SSHConfig.from_text("".join(self._blocks[number] for number in meant)).lookup(name)


def config_path() -> Path:
    return Path(os.environ.get("SSH_CONFIG") or "~/.ssh/config").expanduser()


class Routes:
    """The routes of one `ssh_config`. Thread-safe."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[Path, int] | None = None
        self._config = _Config()
        self._routes: dict[str, Route] = {}

    def find(self, alias: str) -> Route:
        """Raises Refused where the alias cannot be one, or the file says what we do not understand."""
        if not _ALIAS.fullmatch(alias):
            raise Refused(f"{alias!r} is not the name of a host", "Use a name, an instance id or an address.")
        with self._lock:
            self._read_again_if_changed()
            if alias not in self._routes:
                self._routes[alias] = self._route(alias)
            return self._routes[alias]

    def _read_again_if_changed(self) -> None:
        path = self._path or config_path()
        try:
            version = (path, path.stat().st_mtime_ns)
            if version != self._read:
                self._config = _Config(path.read_text())
                self._routes.clear()
                self._read = version
        except FileNotFoundError as error:
            if self._path or os.environ.get("SSH_CONFIG"):
                raise Refused(f"There is no {path}", "Set SSH_CONFIG to the ssh_config that knows the hosts.") from error
            if self._read is not None:
                self._config, self._read = _Config(), None
                self._routes.clear()
        except (OSError, UnicodeDecodeError, paramiko.ConfigParseError) as error:
            raise Refused(f"{path} cannot be read: {error}", "Correct the file.") from error

    def _route(self, alias: str, hops: int = 0) -> Route:
        if hops > 4:
            raise Refused(f"{alias} is reached through more than four jumps", "Look for a circle of ProxyJump in the ssh_config.")
        found = self._config.lookup(alias)
        if "proxycommand" in found and found["proxycommand"] != "none":
            raise Refused(f"{alias} has a ProxyCommand, which the console does not run", "Use ProxyJump instead.")
        hostname, port = found["hostname"], int(found.get("port", 22))
        return Route(
            alias=alias,
            hostname=hostname,
            port=port,
            user=found.get("user", "") or os.environ.get("USER", "root"),
            identities=tuple(_absolute(name) for name in found.get("identityfile", ()) if name != "none"),
            known_hosts=tuple(_absolute(name) for name in _words(found.get("userknownhostsfile", "~/.ssh/known_hosts"))),
            key_name=found.get("hostkeyalias", "") or (hostname if port == 22 else f"[{hostname}]:{port}"),
            jump=self._jump(found.get("proxyjump", "none"), hops),
        )

    def _jump(self, spec: str, hops: int) -> Route | None:
        """`a,b` means: first to a, from there to b, from there to the host."""
        if spec == "none":
            return None
        route: Route | None = None
        for hop in spec.split(","):
            parts = _JUMP.fullmatch(hop.strip())
            if parts is None:
                raise Refused(f"ProxyJump {spec!r} is not understood", "Write it as [user@]host[:port], several with commas between.")
            base = self._route(parts["host"].strip("[]"), hops + 1)
            port = int(parts["port"] or base.port)
            standard = base.hostname if base.port == 22 else f"[{base.hostname}]:{base.port}"
            moved = base.hostname if port == 22 else f"[{base.hostname}]:{port}"
            key_name = moved if base.key_name == standard else base.key_name
            user = parts["user"] or base.user
            route = Route(base.alias, base.hostname, port, user, base.identities, base.known_hosts, key_name, route or base.jump)
        return route


def _words(value: str) -> list[str]:
    """Several paths in one line; a path with blanks stands in double quotes."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', value)]


def _absolute(path: str) -> str:
    return str(Path(path.strip('"')).expanduser())
