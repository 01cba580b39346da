"""The end of a log on a host, read again and again: which logs are known, and what came since the last look. Looks only; nothing is kept.

Bytes are counted, so that no line is missed or shown twice; a file that became shorter was rotated, and is read from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployments import commands
from deployments.doors import runner
from estate.definition import Target
from estate.models import Host
from remote.errors import RemoteError

FIRST = 16 * 1024  # bytes of what was there before
MOST = 256 * 1024  # bytes at once; of more, the newest
DEADLINE = 8.0
HOSTS = 6  # side by side


@dataclass(frozen=True, slots=True)
class KnownLog:
    key: str
    path: str
    about: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What came: whole lines, and up to which byte of the file they reach. `problem` says why there is nothing."""

    lines: tuple[str, ...] = ()
    offset: int | None = None
    problem: str = ""


_EVERYWHERE = (
    KnownLog("eb-activity", commands.LOG_FILES["al1"], "what Beanstalk ran on the host (Amazon Linux 1)"),
    KnownLog("eb-engine", commands.LOG_FILES["al2"], "the same (Amazon Linux 2 and later)"),
    KnownLog("httpd-error", "/var/log/httpd/error_log", "the web server's errors"),
    KnownLog("httpd-access", "/var/log/httpd/access_log", "the web server's requests"),
)
_MAGENTO = (
    KnownLog("magento-system", f"{commands.APP}/var/log/system.log", "Magento's own log"),
    KnownLog("magento-exception", f"{commands.APP}/var/log/exception.log", "what Magento could not handle"),
    KnownLog("magento-cron", "/var/log/magento-cron.log", "what cron started"),
)
_OF_SERVICE: Mapping[str, tuple[KnownLog, ...]] = {
    "custom-connection": (KnownLog("vsftpd", "/var/log/vsftpd.log", "what came by ftp"),),
    "mirakl-cashout": (KnownLog("hipay", "/var/log/hipay.log", "what cron paid out"),),
}


def logs_of(target: Target) -> list[KnownLog]:
    return [*_EVERYWHERE, *(_MAGENTO if target.has_maintenance else ()), *_OF_SERVICE.get(target.service, ())]


def hosts_of(target: Target) -> list[Host]:
    living = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running")
    return list(living.exclude(private_ip=None).order_by("tier", "name"))


def read(ip: str, path: str, offset: int | None) -> Piece:
    """What came since `offset`; the end of the file where that is None. Never raises RemoteError."""
    try:
        size = _size(ip, path)
        if size is None:
            return Piece(problem=f"{path} is not there")
        if offset is not None and size < offset:
            return Piece(("— the file was rotated; from its beginning —",), 0)
        start = max(0, size - FIRST) if offset is None else offset
        if start == size:
            return Piece(offset=size)
        start = max(start, size - MOST)
        found = runner().probe(ip, ("sudo", "tail", "-c", f"+{start + 1}", path), deadline=DEADLINE)
    except RemoteError as error:
        return Piece(offset=offset, problem=error.told)
    if found.rc != 0:
        return Piece(offset=offset, problem=f"tail ended with exit code {found.rc}")
    return _whole_lines(found.out, start, begun=start not in (0, offset))


def _whole_lines(data: bytes, start: int, *, begun: bool) -> Piece:
    """`begun`: it starts somewhere inside a line. The last line is left for the next look until its end has come."""
    ends = data.rfind(b"\n") + 1
    lines = data[:ends].decode("utf-8", "replace").split("\n")[:-1]
    return Piece(tuple(lines[1:] if begun else lines), start + ends)


def _size(ip: str, path: str) -> int | None:
    """Bytes; None where there is no such file."""
    found = runner().probe(ip, ("sudo", "wc", "-c", path), deadline=DEADLINE)
    told = found.text.split()
    return int(told[0]) if found.rc == 0 and told and told[0].isdigit() else None


def ends_of(hosts: list[Host], log: KnownLog) -> Iterator[tuple[Host, Piece]]:
    """For a page that is read once, without a script."""
    for host in hosts:
        yield host, read(str(host.private_ip), log.path, None)
