"""What hosts, repositories and addresses themselves say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from handover.checks.seen import Seen, listed, the
from handover.observed import Observed


def hosts_have(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    missing = [host for host in hosts if path not in the(observed, "host", host).facts["there"]]
    return Seen(
        not missing, f"{path} is missing on {listed(missing)}" if missing else f"{path} is on {len(hosts)} of {len(hosts)}", tuple(hosts)
    )


def hosts_lack(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    having = [host for host in hosts if path in the(observed, "host", host).facts["there"]]
    return Seen(not having, f"{path} is on {listed(having)}" if having else f"{path} is on none of {len(hosts)}", tuple(hosts))


def hosts_say(observed: Observed, *, hosts: Sequence[str], path: str, texts: Sequence[str]) -> Seen:
    """A file on each host has lines that contain each of these texts."""
    missing = []
    for host in hosts:
        lines = the(observed, "host", host).facts["lines"].get(path, [])
        missing += [f"{host}: no “{text}”" for text in texts if not any(text in line for line in lines)]
    return Seen(not missing, f"{path}: {listed(missing) or listed([f'“{text}”' for text in texts])}", tuple(hosts))


def every_line_contains(observed: Observed, *, host: str, path: str, starting: str, text: str) -> Seen:
    """Of a file's lines that begin so, none speaks of anything else."""
    lines = [line.strip() for line in the(observed, "host", host).facts["lines"].get(path, [])]
    found = [line for line in lines if line.startswith(starting)]
    others = [line for line in found if text not in line]
    return Seen(bool(found) and not others, listed(others) or f"{len(found)} of {len(found)} lines have {text}", (host,))


def files_agree(observed: Observed, *, hosts: Sequence[str], path: str) -> Seen:
    """The same content on all of them."""
    sums = {host: str(the(observed, "host", host).facts["sums"].get(path, "")) for host in hosts}
    told = sorted({each or "nothing" for each in sums.values()})
    return Seen(len(told) == 1 and all(sums.values()), f"{path}: digest {listed(told)} on {len(hosts)} hosts", tuple(hosts))


def is_mounted_on(observed: Observed, *, hosts: Sequence[str], points: Mapping[str, str]) -> Seen:
    """point → the end of what is mounted there (a share, a device)."""
    missing = []
    for host in hosts:
        mounts = the(observed, "host", host).facts["mounts"]
        missing += [
            f"{host}: {point} is {mounts.get(point, 'not mounted')}"
            for point, end in points.items()
            if not str(mounts.get(point, "")).endswith(end)
        ]
    return Seen(
        not missing, listed(missing) or f"{len(points)} of {len(points)} mounted on {len(hosts)} of {len(hosts)} hosts", tuple(hosts)
    )


def branch_is_there(observed: Observed, *, repository: str, branch: str) -> Seen:
    found = observed.one("branch", f"{repository} {branch}")
    return Seen(
        found is not None,
        f"{branch} of {repository} is at {str(found.facts['sha'])[:7]}" if found else f"{repository} has no branch {branch}",
    )


def branches_differ(observed: Observed, *, repository: str, one: str, other: str) -> Seen:
    heads = [the(observed, "branch", f"{repository} {branch}").facts["sha"] for branch in (one, other)]
    return Seen(heads[0] != heads[1], f"{one} is at {heads[0][:7]}, {other} at {heads[1][:7]}")


def folder_is_there(observed: Observed, *, repository: str, branch: str, folder: str) -> Seen:
    found = the(observed, "branch", f"{repository} {branch}")
    return Seen(folder in found.facts["folders"], f"{branch} of {repository} has {listed(found.facts['folders'])}")


def configuration_says(observed: Observed, *, repository: str, branch: str, texts: Sequence[str], folder: str = "") -> Seen:
    """Beanstalk's files of that branch contain each of these texts."""
    found = the(observed, "branch", f"{repository} {branch}")
    content = "\n".join(text for path, text in found.facts["files"].items() if path.startswith(folder))
    missing = [text for text in texts if text not in content]
    return Seen(not missing, f"{branch}: no {listed(missing)}" if missing else f"{branch} has {listed([f'“{text}”' for text in texts])}")


def answers(observed: Observed, *, address: str, status: int = 200) -> Seen:
    found = the(observed, "answer", address)
    return Seen(found.facts["status"] == status, f"{address} answers {found.facts['status']}")
