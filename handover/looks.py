"""What the claims need besides AWS: files and mounts of hosts, branches of repositories, answers of web addresses.

Registered with the inventory, which asks them as it asks AWS. Which hosts and files are looked at stands in `claims.yaml`. Looking changes
nothing; a host that hangs is left at its deadline, and named. Of a file only the lines that a claim speaks of are kept, and its digest:
a log or a configuration may hold a secret.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from deployments.sources import fetched, heads
from estate import inventory
from estate.inventory import Source
from estate.reading import current
from handover import document
from remote import http
from remote.aws import monitors, network
from remote.aws.found import Found
from remote.errors import NotFound, RemoteError
from remote.ssh.connections import Result
from runs.doors import runner

_DEADLINE = 8.0  # seconds for a host
_LINES = 400  # of a file
_EVERY = 300.0
MOUNTED = ("cat", "/proc/mounts")
_DISKS = ("lsblk", "-dno", "NAME,SERIAL")


def register() -> None:
    for source in SOURCES:
        inventory.register(source)


def hosts(only: Collection[str] = ()) -> list[Found]:
    """Each host that the claims speak of, or those of them: which paths are there, what stands in the files, what is mounted."""
    looked = {look.host: look for look in document.looks() if not only or look.host in only}
    addresses = {each.name: str(each.facts["private_ip"]) for each in network.machines() if each.name in looked}
    by_questions: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for name in addresses:
        by_questions[looked[name].there, looked[name].read].append(name)
    found = []
    for (there, read), names in by_questions.items():
        found += _asked(names, addresses, there, read)
    return sorted(found, key=lambda each: each.name)


def _asked(names: Sequence[str], addresses: Mapping[str, str], there: tuple[str, ...], read: tuple[str, ...]) -> list[Found]:
    ips = [addresses[name] for name in names]
    ask = runner().probe_many
    mounts = ask(ips, MOUNTED, deadline=_DEADLINE)
    disks = ask(ips, _DISKS, deadline=_DEADLINE)
    paths = ask(ips, ("sudo", "ls", "-d", *there), deadline=_DEADLINE) if there else {}
    lines = ask(ips, ("sudo", "grep", "-sH", "-m", str(_LINES), "", *read), deadline=_DEADLINE) if read else {}
    return [_host(name, mounts[ip], paths.get(ip), lines.get(ip), disks[ip]) for name, ip in zip(names, ips, strict=True)]


def _volumes(mounts: Mapping[str, str], disks: Result | RemoteError) -> dict[str, str]:
    """By mount point: the volume of EBS behind it. A machine that names its disks otherwise, or does not tell, leaves it unknown."""
    if isinstance(disks, RemoteError):
        return {}
    serials = dict(words for line in disks.text.splitlines() if len(words := line.split()) == 2)
    behind = {point: serials.get(re.sub(r"p\d+$", "", source.removeprefix("/dev/")), "") for point, source in mounts.items()}
    return {point: f"vol-{serial.removeprefix('vol')}" for point, serial in behind.items() if serial.startswith("vol")}


def _host(
    name: str,
    mounts: Result | RemoteError,
    paths: Result | RemoteError | None,
    lines: Result | RemoteError | None,
    disks: Result | RemoteError,
) -> Found:
    facts: dict[str, Any] = {"there": [], "lines": {}, "sums": {}, "mounts": {}, "volumes": {}}
    for result in (mounts, paths, lines):
        if isinstance(result, RemoteError):
            return Found("host-silent", name, name, {"unknown": str(result)})
    if isinstance(mounts, Result):
        rows = [line.split() for line in mounts.text.splitlines()]
        facts["mounts"] = {row[1]: row[0] for row in rows if len(row) > 1}
        facts["volumes"] = _volumes(facts["mounts"], disks)
    if isinstance(paths, Result):
        facts["there"] = sorted(line for line in paths.text.splitlines() if line.startswith("/"))
    if isinstance(lines, Result):
        files = _by_file(lines.text)
        facts["lines"] = {path: [line for line in said if _is_spoken_of(path, line)][:20] for path, said in files.items()}
        facts["sums"] = {path: hashlib.sha256("\n".join(said).encode()).hexdigest()[:16] for path, said in files.items()}
    return Found("host", name, name, facts)


def _by_file(text: str) -> dict[str, list[str]]:
    by_file: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if colon and path.startswith("/"):
            by_file.setdefault(path, []).append(rest[:300])
    return by_file


def _is_spoken_of(path: str, line: str) -> bool:
    return any(text in line for text in document.spoken_of().get(path, ()))


def repositories(only: Collection[str] = ()) -> list[Found]:
    """Each branch that a service is released from, or those of these repositories: head, folders, and what Beanstalk's files in it say."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for target in current().targets:
        wanted[target.code.repository.key].update(target.code.branches)
        wanted[target.configuration.repository.key].update(target.configuration.branches)
    found = []
    for key, branches in sorted((key, branches) for key, branches in wanted.items() if not only or key in only):
        repository = current().repositories[key]
        for branch in sorted(branches):
            try:
                its, known = fetched(repository, branch) if key in _read_whole() else (None, heads(repository, branch))
            except NotFound:
                continue  # a branch that is not there is an answer
            sha = known[branch]
            facts: dict[str, Any] = {"repository": key, "sha": sha, "folders": [], "files": {}}
            if its is not None:
                paths = [entry.path for entry in its.tree(sha, sizes=False) if entry.type == "blob"]
                facts["folders"] = sorted({path.partition("/")[0] for path in paths if "/" in path})
                facts["files"] = {path: its.file(sha, path).decode("utf-8", "replace")[:8000] for path in paths if _is_configuration(path)}
            found.append(Found("branch", f"{key} {branch}", f"{key} {branch}", facts))
    return found


def _read_whole() -> set[str]:
    """Repositories of configuration are small; code is not fetched for this."""
    return {target.configuration.repository.key for target in current().targets}


def _is_configuration(path: str) -> bool:
    return ".ebextensions/" in path or ".platform/" in path


def addresses() -> list[Found]:
    """What a visitor is answered at each address of the estate."""
    wanted = {each.address for each in current().targets if each.address}
    for shop in (target.shop for target in current().targets if target.shop):
        wanted |= {shop.url, urljoin(shop.url, shop.health)}
    found = []
    for address in sorted(wanted):
        try:
            answer = http.fetch(address, deadline=_DEADLINE)
        except RemoteError as error:
            found.append(Found("answer", address, address, {"status": 0, "said": str(error)}))
            continue
        found.append(Found("answer", address, address, {"status": answer.status, "tls": address.startswith("https:")}))
    return found


SOURCES = (
    Source("hosts", ("host", "host-silent"), 60.0, hosts),
    Source("repositories", ("branch",), _EVERY, repositories),
    Source("addresses", ("answer",), _EVERY, addresses),
    Source("alarms", ("alarm",), _EVERY, monitors.alarms),
    Source("dashboards", ("widget",), 4 * _EVERY, monitors.widgets),
)
