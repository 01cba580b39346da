"""A host's absolute paths, mapped into the folder that stands for its `/`, and its names taken out of what is printed.

System programs (/usr, /bin, …), devices and processes are this machine's own; everything else is the host's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sandbox.world import Host

_OURS = ("/usr/", "/bin/", "/sbin/", "/lib", "/dev/", "/proc/", "/sys/")
_PLAYED = dict.fromkeys(("/proc/mounts", "/proc/self/mounts", "/proc/self/mountinfo"), "proc/mounts") | {"/proc/stat": "proc/stat"}
_OPERANDS = ("if", "of")  # of dd
_SHELLS = ("sh", "bash", "dash")
_PATTERN_FIRST = ("grep", "egrep", "fgrep", "sed", "awk")
# A mount is a symbolic link here: what would not follow one that it is given is told to.
FOLLOWING = {"find": "-H", "ls": "-H", "du": "-D", "stat": "-L"}
_IN_SCRIPT = re.compile(r"(?<![\w.$}/~-])(?=/(?:opt|var|etc|home|root|tmp|srv|mnt|run)(?:/|\b))")


def home(host: Host) -> Path:
    return host.root / "home/ec2-user"


def mapped(host: Host, argument: str) -> str:
    """One argument: a path, `~/path` or `--option=path`; anything else stays as it is."""
    if argument == "~" or argument.startswith("~/"):
        return str(home(host)) + argument[1:]
    option, equals, value = argument.partition("=")
    if equals and (option.startswith("-") or option in _OPERANDS) and value.startswith("/"):
        return f"{option}={mapped(host, value)}"
    if argument in _PLAYED:
        return str(host.root / _PLAYED[argument])
    if not argument.startswith("/") or argument.startswith((*_OURS, str(host.root))):
        return argument
    return str(host.root) + argument


def mapped_script(host: Host, script: str) -> str:
    """The host's absolute paths in the text of `sh -c`."""
    return _IN_SCRIPT.sub(str(host.root), script)


def mapped_argv(host: Host, argv: Sequence[str]) -> list[str]:
    """A whole command whose program is this machine's own. What a script of the host gets is its own business, and stays."""
    program, arguments = argv[0], list(argv[1:])
    name = Path(program).name
    if name in _SHELLS and arguments and not arguments[0].startswith("-"):
        return [program, mapped(host, arguments[0]), *arguments[1:]]
    if name in _SHELLS and "-c" in arguments:
        at = arguments.index("-c") + 1
        script = [mapped_script(host, text) for text in arguments[at : at + 1]]
        return [program, *arguments[:at], *script, *(mapped(host, argument) for argument in arguments[at + 1 :])]
    pattern = next((n for n, argument in enumerate(arguments) if not argument.startswith("-")), -1) if name in _PATTERN_FIRST else -1
    following = [FOLLOWING[name]] if name in FOLLOWING else []
    return [program, *following, *(argument if n == pattern else mapped(host, argument) for n, argument in enumerate(arguments))]


class Unmapping:
    """Takes the folder's own name out of a stream of bytes, so that the host's paths read as the host's."""

    def __init__(self, root: Path) -> None:
        self._root = str(root).encode()
        self._kept = b""

    def feed(self, data: bytes) -> bytes:
        text = (self._kept + data).replace(self._root, b"")
        cut = next((n for n in range(min(len(self._root) - 1, len(text)), 0, -1) if self._root.startswith(text[-n:])), 0)
        self._kept = text[len(text) - cut :]
        return text[: len(text) - cut]

    def end(self) -> bytes:
        kept, self._kept = self._kept, b""
        return kept
