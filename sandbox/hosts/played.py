"""Commands of a host that the sandbox plays itself, because the real ones would look at this machine: php, curl, df, service, pgrep, …

The same function serves an exec request over SSH directly and a stand-in that the runner started on the host.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.hosts import applications, magento, shares, vpn, workshop
from sandbox.hosts.curl import curl
from sandbox.hosts.faults import stands
from sandbox.hosts.paths import mapped
from sandbox.hosts.play import Play
from sandbox.world import GATEWAY, VPN

_WINDOWS = "10.0.101.50"


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
    if script.name not in ("magento", "console") or not script.exists():
        call.out(f"Could not open input file: {arguments[0]}\n")
        return 1
    deed = call.world.deeds.begin(f"bin/{script.name} {' '.join(arguments[1:])}", call.host.name)
    try:
        if script.name == "console":
            return applications.console(call.world, call.host, script.parent.parent, arguments[1:], call.out)
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


def _lsblk(call: Play) -> int:
    """Answers `-dno NAME,SERIAL`, whatever is asked: which volume of EBS each disk is, as a machine of today's kind tells it."""
    disks = call.host.root / "run/disks"
    call.out(disks.read_text() if disks.exists() else "")
    return 0


def _mount(call: Play) -> int:
    """`mount -t nfs -o OPTIONS SERVER:/EXPORT POINT`. A file server that is silent holds it up for ever, as a hard mount does."""
    source, point = call.argv[-2], call.argv[-1].removeprefix(str(call.host.root)).rstrip("/")
    export = source.partition(":/")[2]
    while any(fault.kind == "nfs-silent" and fault.host in ("", call.host.name) for fault in call.world.faults.listed()):
        if call.killed():
            return 137
        time.sleep(0.05)
    if source != f"{shares.SERVER}:/{export}" or export not in shares.SHARES:
        call.error(f"mount.nfs: access denied by server while mounting {source}\n")
        return 32
    if point in shares.mounted(call.host):
        call.error(f"mount.nfs: {point} is busy or already mounted\n")
        return 32
    shares.mount(call.world, call.host, export, point)
    return 0


def _umount(call: Play) -> int:
    point = call.argv[-1].removeprefix(str(call.host.root)).rstrip("/")
    if point not in shares.mounted(call.host):
        call.error(f"umount: {point}: not mounted\n")
        return 32
    shares.umount(call.host, point)
    return 0


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


def _service(call: Play) -> int:
    """`service NAME status|start|stop`, as the scripts of Amazon Linux 1 answer it."""
    name, verb = ([*call.argv[1:], "", ""])[:2]
    if verb in ("start", "stop"):
        applications.note_service(call.host, name, running=verb == "start")
        call.out(f"{'Starting' if verb == 'start' else 'Stopping'} {name}: {' ' * 42}[  OK  ]\n")
        return 0
    if not applications.is_running(call.world, call.host, name):
        call.out(f"{name} is stopped\n")
        return 3
    call.out(f"{name} (pid  2917) is running...\n")
    return 0


def _getent(call: Play) -> int:
    """`getent passwd NAME` and `getent group NAME`; there is one group, the web user's."""
    if call.argv[1:] == ["group", "webapp"]:
        call.out("webapp:x:501:\n")
        return 0
    line = applications.users(call.host).get(call.argv[-1])
    if call.argv[1:2] != ["passwd"] or line is None:
        return 2
    call.out(f"{line}\n")
    return 0


def _usermod(call: Play) -> int:
    """`usermod -p HASH NAME`."""
    if len(call.argv) != 4 or call.argv[1] != "-p":
        return 2
    return applications.new_password(call.host, call.argv[2], call.argv[3], int(call.world.clock.now().timestamp()) // 86_400)


def _pgrep(call: Play) -> int:
    """What runs by itself is asked for: payouts and Magento's own work are faults that stand while they run."""
    pattern = call.argv[-1]
    if "ashout:" in pattern and stands(call.world, "payout-runs", call.host):
        call.out("4711\n")
        return 0
    for fault in call.world.faults.listed():
        line = f"php {shares.APP}/bin/magento {fault.options.get('command', 'cron:run')}"
        if fault.kind == "work-in-flight" and fault.host in ("", call.host.name) and re.search(pattern, line):
            call.out(f"4712 {line}\n" if "a" in "".join(call.argv[1:-1]) else "4712\n")
            return 0
    return 1


def _stat(call: Play) -> int:
    """`stat -c %U PATH` alone: who owns it. Here everything is one person's."""
    call.out(applications.owner(call.host, call.argv[-1].removeprefix(str(call.host.root)).rstrip("/")) + "\n")
    return 0


def _systemctl(call: Play) -> int:
    """`is-active`, `show -p ActiveEnterTimestamp --value`, `restart`, `reload`, `stop` and `start` of the VPN's service and HAProxy."""
    words = [word for word in call.argv[1:] if not word.startswith("-") and word != "ActiveEnterTimestamp"]
    verb, unit = (*words, "", "")[:2]
    service = vpn.service_of(call.world) if call.host.role == VPN and unit.removesuffix(".service") == "openvpn@server" else None
    known = service is not None or (call.host.role == GATEWAY and unit.startswith("haproxy"))
    if not known:
        call.out("inactive\n" if verb == "is-active" else "")
        return 3 if verb == "is-active" else 5
    if verb == "is-active":
        running = service is None or service.running
        call.out("active\n" if running else "inactive\n")
        return 0 if running else 3
    if verb == "show":
        call.out(f"{service.started:%a %Y-%m-%d %H:%M:%S UTC}\n" if service else "\n")
    elif service and verb in ("restart", "start", "stop"):
        service.stop() if verb == "stop" else service.start()
    return 0


def _nc(call: Play) -> int:
    """`nc -z -w SECONDS ADDRESS PORT`: is somebody listening there? Windows does on the ports that the document names."""
    if "-z" not in call.argv or not call.argv[-1].isdigit():
        call.out("usage: nc -z [-w timeout] host port\n")
        return 1
    address, port = call.argv[-2], int(call.argv[-1])
    shut = any(fault.kind == "port-closed" and fault.options.get("port", str(port)) == str(port) for fault in call.world.faults.listed())
    listens = address == _WINDOWS and (port in (21, 445, 3389) or 8700 <= port <= 8800)
    return 0 if listens and not shut else 1


def _nothing(call: Play) -> int:
    return 0


PLAYED: dict[str, Callable[[Play], int]] = {
    "php": _php,
    "curl": curl,
    "df": _df,
    "findmnt": _findmnt,
    "lsblk": _lsblk,
    "mount": _mount,
    "umount": _umount,
    "mountpoint": _mountpoint,
    "hostname": _hostname,
    "id": _id,
    "whoami": _id,
    "service": _service,
    "getent": _getent,
    "pgrep": _pgrep,
    "composer": workshop.composer,
    "bsdtar": workshop.bsdtar,
    "rsync": workshop.rsync,
    "aws": workshop.aws,
    "systemctl": _systemctl,
    "usermod": _usermod,
    "stat": _stat,
    "nc": _nc,
    "chown": _nothing,
    "chgrp": _nothing,
}


ONLY_WITH = {"stat": ["-c", "%U"]}  # played with these arguments; else it is the operating system's own


def real_program(name: str) -> str:
    """The full path of this machine's own program; empty where it has none."""
    return shutil.which(Path(name).name, path="/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin") or ""
