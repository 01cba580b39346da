"""Commands of a host that the sandbox plays itself, because the real ones would look at this machine: php, curl, df, findmnt, mountpoint.

The same function serves an exec request over SSH directly and a stand-in that the runner started on the host.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.hosts import magento, shares, site
from sandbox.hosts.faults import stands
from sandbox.hosts.paths import mapped
from sandbox.world import Host, World


@dataclass(slots=True)
class Play:
    """One played command. `out` and `error` send text at once; `killed` tells whether the process has gone meanwhile."""

    world: World
    host: Host
    argv: Sequence[str]  # the name first
    cwd: Path
    out: Callable[[str], None]
    error: Callable[[str], None]
    killed: Callable[[], bool]


def play(call: Play) -> int:
    """The exit code. Raises `magento.Killed` when the process was killed, KeyError for a command that is not played."""
    return PLAYED[call.argv[0]](call)


def _php(call: Play) -> int:
    arguments = list(call.argv[1:])
    while arguments and arguments[0].startswith("-"):
        arguments = arguments[2:] if arguments[0] == "-d" else arguments[1:]
    if not arguments:
        call.out("PHP 8.1.27 (cli) (built: Jan 10 2026 10:11:12) (NTS)\n")
        return 0
    script = Path(mapped(call.host, arguments[0]))
    script = script if script.is_absolute() else call.cwd / script
    if script.name != "magento" or not script.exists():
        call.out(f"Could not open input file: {arguments[0]}\n")
        return 1
    deed = call.world.deeds.begin(f"bin/magento {' '.join(arguments[1:])}", call.host.name)
    try:
        return magento.run(call.world, call.host, script.parent.parent, arguments[1:], call.out, killed=call.killed)
    finally:
        call.world.deeds.end(deed)


def _mountpoint(call: Play) -> int:
    quiet = "-q" in call.argv
    point = call.argv[-1].removeprefix(str(call.host.root)).rstrip("/") or "/"
    is_one = point == "/" or point in shares.mounted(call.host)
    if not quiet:
        call.out(f"{point} is {'' if is_one else 'not '}a mountpoint\n")
    return 0 if is_one else 32


def _findmnt(call: Play) -> int:
    """`-t` types, `-o` columns, `-n` without their names, and mount points; other options change nothing here."""
    columns, types, points, heading = "TARGET,SOURCE,FSTYPE,OPTIONS", "", set(), True
    rest = iter(call.argv[1:])
    for argument in rest:
        if argument in ("-o", "--output"):
            columns = next(rest, columns)
        elif argument in ("-t", "--types"):
            types = next(rest, "")
        elif argument == "--noheadings" or (argument.startswith("-") and not argument.startswith("--") and "n" in argument):
            heading = False
        elif not argument.startswith("-"):
            points.add(argument.removeprefix(str(call.host.root)).rstrip("/") or "/")
    rows = [{"TARGET": "/", "SOURCE": "/dev/xvda1", "FSTYPE": "ext4", "OPTIONS": "rw,noatime,data=ordered"}]
    for point, source in shares.mounted(call.host).items():
        rows.append({"TARGET": point, "SOURCE": source, "FSTYPE": "nfs4", "OPTIONS": "rw,relatime,vers=4.1,hard,proto=tcp"})
    rows = [row for row in rows if (not types or row["FSTYPE"] in types.split(",")) and (not points or row["TARGET"] in points)]
    names = [name.strip().upper() for name in columns.split(",")]
    if rows and heading:
        call.out(" ".join(names) + "\n")
    for row in rows:
        call.out(" ".join(row.get(name, "") for name in names) + "\n")
    return 0 if rows else 1


def _df(call: Play) -> int:
    total = 31_440_900
    used = total if stands(call.world, "disk-full", call.host) else 11_207_412
    rows = [("/dev/xvda1", total, used, "/")]
    rows += [(source, 524_288_000, 187_904_000, point) for point, source in shares.mounted(call.host).items()]
    wanted = [argument.removeprefix(str(call.host.root)).rstrip("/") or "/" for argument in call.argv[1:] if argument.startswith("/")]
    if wanted:
        rows = [
            max((row for row in rows if path == row[3] or path.startswith(row[3].rstrip("/") + "/")), key=lambda row: len(row[3]))
            for path in wanted
        ]
    call.out("Filesystem                                 1024-blocks      Used Available Capacity Mounted on\n")
    for source, size, taken, point in rows:
        call.out(f"{source:<42} {size:>11} {taken:>9} {size - taken:>9} {round(100 * taken / size):>7}% {point}\n")
    return 0


@dataclass(slots=True)
class _Request:
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    output: str = ""
    write_out: str = ""
    flags: str = ""  # single letters: f, i, I


def _curl(call: Play) -> int:
    """What a host answers itself to `curl http://localhost/…`, with the Host header that is asked for."""
    request = _request(call.argv[1:])
    address = urlsplit(request.url if "://" in request.url else f"http://{request.url}")
    if address.hostname not in ("localhost", "127.0.0.1", call.host.private_ip):
        call.error(f"curl: (6) Could not resolve host: {address.hostname}\n")
        return 6
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    answer = site.answer(call.world, call.host, path, request.headers)
    failing = "f" in request.flags and answer.status >= 400
    if set("iI") & set(request.flags):
        rows = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        call.out("\r\n".join([*rows, "", ""]))
    body = "" if "I" in request.flags or failing else answer.body.decode(errors="replace")
    if request.output and request.output != "/dev/null":
        Path(mapped(call.host, request.output)).write_text(body)
    elif not request.output:
        call.out(body)
    call.out(request.write_out.replace("%{http_code}", str(answer.status)).replace("\\n", "\n"))
    if failing:
        call.error(f"curl: (22) The requested URL returned error: {answer.status}\n")
    return 22 if failing else 0


_LONG = {"--fail": "f", "--head": "I", "--include": "i", "--silent": "s", "--show-error": "S", "--location": "L"}
_WITH_VALUE = {
    "-H": "H",
    "--header": "H",
    "-o": "o",
    "--output": "o",
    "-w": "w",
    "--write-out": "w",
    "-m": "m",
    "--max-time": "m",
    "--connect-timeout": "m",
}


def _request(arguments: Sequence[str]) -> _Request:
    request = _Request()
    rest = iter(arguments)
    for argument in rest:
        if kind := _WITH_VALUE.get(argument):
            value = next(rest, "")
            if kind == "H":
                name, _, content = value.partition(":")
                request.headers[name.strip().lower()] = content.strip()
            elif kind == "o":
                request.output = value
            elif kind == "w":
                request.write_out = value
        elif argument.startswith("--"):
            request.flags += _LONG.get(argument, "")
        elif argument.startswith("-"):
            letters, last = argument[1:], argument[-1:]
            request.flags += letters
            if last == "o":
                request.output = next(rest, "")
            elif last == "w":
                request.write_out = next(rest, "")
        else:
            request.url = argument
    return request


def _hostname(call: Play) -> int:
    call.out((call.host.root / "etc/hostname").read_text())
    return 0


def _id(call: Play) -> int:
    """Who logs in is ec2-user, whoever plays it."""
    arguments = set(call.argv[1:])
    name = call.argv[0] == "whoami" or arguments & {"-un", "-nu", "-gn", "-ng"}
    call.out(
        "ec2-user\n"
        if name
        else "500\n"
        if arguments & {"-u", "-g"}
        else "uid=500(ec2-user) gid=500(ec2-user) groups=500(ec2-user),10(wheel)\n"
    )
    return 0


def _nothing(call: Play) -> int:
    return 0


PLAYED: dict[str, Callable[[Play], int]] = {
    "php": _php,
    "curl": _curl,
    "df": _df,
    "findmnt": _findmnt,
    "mountpoint": _mountpoint,
    "hostname": _hostname,
    "id": _id,
    "whoami": _id,
    "chown": _nothing,
    "chgrp": _nothing,
}


def real_program(name: str) -> str:
    """The full path of this machine's own program; empty where it has none."""
    return shutil.which(Path(name).name, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin") or ""
