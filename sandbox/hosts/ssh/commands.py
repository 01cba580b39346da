"""An exec request as the host understands it: which program, with which arguments, played or run by the operating system.

No shell sees the line: it is split once, as a shell would, and `;`, `|` or `>` are arguments like others.
Who needs a shell asks for `sh -c`.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from sandbox.hosts.paths import home, mapped, mapped_argv
from sandbox.hosts.played import ONLY_WITH, PLAYED, real_program
from sandbox.world import Host

_SUDO_WITH_VALUE = ("-u", "-g", "-C", "--user", "--group")


class NotFound(Exception):
    """No such program; the text is what a shell says."""


@dataclass(frozen=True, slots=True)
class Command:
    argv: list[str]
    played: bool
    program: str = ""  # the path of what the operating system starts
    own: bool = False  # a program of the host itself (the console's runner): its bytes are passed on as they are


def parse(host: Host, line: str) -> Command:
    """Raises NotFound, and ValueError where the quoting is wrong."""
    argv = _without_sudo(shlex.split(line))
    if not argv:
        raise NotFound("-sh: : command not found")
    name = Path(argv[0]).name
    if name in PLAYED and argv[1:3] == ONLY_WITH.get(name, argv[1:3]) and argv[0] in (name, f"/usr/bin/{name}", f"/bin/{name}"):
        return Command([name, *argv[1:]], played=True)
    program = mapped(host, argv[0])
    if program.startswith(str(host.root)):
        return Command(argv, played=False, program=_executable(program, argv[0]), own=True)
    if "/" in argv[0] and not argv[0].startswith("/"):
        return Command(argv, played=False, program=_executable(str(host.root / argv[0]), argv[0]), own=True)
    if not (real := real_program(name)):
        raise NotFound(f"-sh: {argv[0]}: command not found")
    arguments = _without_owner(argv) if name == "install" else argv
    return Command(mapped_argv(host, arguments), played=False, program=real, own=_runs_a_script(name, argv))


def environment(host: Host, stand_ins: Path, asked: dict[str, str]) -> dict[str, str]:
    """What a program on the host finds: OPSCONSOLE_ROOT is the folder that stands for `/`."""
    return {
        "PATH": f"{stand_ins}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(home(host)),
        "USER": "ec2-user",
        "LOGNAME": "ec2-user",
        "SHELL": "/bin/sh",
        "OPSCONSOLE_ROOT": str(host.root),
        **{name: value for name, value in asked.items() if name.startswith(("LC_", "LANG", "OPSCONSOLE_")) and name != "OPSCONSOLE_ROOT"},
    }


def _without_sudo(argv: list[str]) -> list[str]:
    while argv and argv[0] in ("sudo", "/usr/bin/sudo"):
        argv = argv[1:]
        while argv and argv[0].startswith("-"):
            last = argv[0] == "--"
            argv = argv[2:] if argv[0] in _SUDO_WITH_VALUE else argv[1:]
            if last:
                break
    return argv


def _without_owner(argv: list[str]) -> list[str]:
    kept: list[str] = []
    rest = iter(argv)
    for argument in rest:
        if argument in ("-o", "-g", "--owner", "--group"):
            next(rest, None)
        elif not argument.startswith(("--owner=", "--group=")):
            kept.append(argument)
    return kept


def _runs_a_script(name: str, argv: list[str]) -> bool:
    return name in ("sh", "bash", "dash") and len(argv) > 1 and not argv[1].startswith("-")


def _executable(program: str, shown: str) -> str:
    if not Path(program).exists():
        raise NotFound(f"-sh: {shown}: No such file or directory")
    if not os.access(program, os.X_OK):
        raise NotFound(f"-sh: {shown}: Permission denied")
    return program
