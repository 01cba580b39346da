"""The shares of a release's hosts: from where each is mounted, and mounting them anew. No command can hang: each has an end of its own.

estate.yaml says which mount points there are; what is mounted there is what this host, or another of its target, was last seen with.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from estate.definition import Target
from estate.models import Resource
from remote.ssh.runner import State
from runs.doors import runner
from runs.effects import Context, Done, Failed, Finding
from runs.host_commands import Detached
from runs.plan import Act, Step

UNMOUNT_SECONDS, MOUNT_SECONDS = 15, 30
LOOK_SECONDS = 8.0
OPTIONS = "rw,hard,nfsvers=4.1"  # as the hook of Beanstalk's configuration mounts them


def wanted(host: Resource, target: Target | None) -> dict[str, str]:
    """Mount point → server:/export, of those that are known. Its own word counts first."""
    if target is None or not target.shares:
        return {}
    tiers = Q(facts__beanstalk__in=[tier.beanstalk for tier in target.tiers])
    names = set(Resource.objects.filter(tiers, kind="instance", gone=None).values_list("name", flat=True))
    seen = Resource.objects.filter(kind="host", name__in=names, gone=None)
    known: dict[str, str] = {}
    for each in sorted(seen, key=lambda each: each.name != host.name):
        for point, source in each.facts.get("mounts", {}).items():
            known.setdefault(point, source)
    return {point: known[point] for point in target.shares if ":/" in known.get(point, "")}


def unmounting(host: Resource, target: Target | None) -> Sequence[Step]:
    acts = tuple(
        _act(host, "host.unmount", "unmount", point, source, UNMOUNT_SECONDS, ("umount", "-l", point))
        for point, source in wanted(host, target).items()
    )
    return _step(
        "unmount", "Take the shares away", acts, "Lazily: what still reads a file goes on; a server that is dead holds nobody up.", host
    )


def mounting(host: Resource, target: Target | None) -> Sequence[Step]:
    acts = tuple(
        _act(host, "host.mount", "mount", point, source, MOUNT_SECONDS, ("mount", "-t", "nfs", "-o", OPTIONS, source, point))
        for point, source in wanted(host, target).items()
    )
    return _step(
        "mount", "Mount the shares", acts, "Done when the host's mount table has each, from that server, and it can be listed.", host
    )


def _step(key: str, title: str, acts: tuple[Act, ...], note: str, host: Resource) -> Sequence[Step]:
    return (Step(key, title, acts, note, str(host), 2.0 * len(acts)),) if acts else ()


def _act(host: Resource, kind: str, verb: str, point: str, source: str, seconds: int, argv: tuple[str, ...]) -> Act:
    bounded = ("sudo", "timeout", "-k", "5", str(seconds), *argv)
    params = {"ip": host.facts["private_ip"], "point": point, "source": source}
    return Act(kind, f"{verb} {point}", str(host), bounded, params=params)


class Unmount(Detached):
    """Params: ip, point. Done when the mount table no longer has it; one that was not mounted is none less."""

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        if state.kind != "finished":
            return super().judge(act, context, state)
        point = act.params["point"]
        if mounted(act.params["ip"]).get(point):
            return Failed(f"{act.target}: {point} is still mounted (exit code {state.rc})", {"rc": state.rc})
        return Done(f"{act.target}: nothing is mounted at {point}", {"rc": state.rc})


class Mount(Detached):
    """Params: ip, point, source. Exit code 0 is not enough: the mount table has to have it, and it has to answer."""

    def judge(self, act: Act, context: Context, state: State) -> Finding:
        if state.kind != "finished":
            return super().judge(act, context, state)
        ip, point, source = act.params["ip"], act.params["point"], act.params["source"]
        found = mounted(ip).get(point, "")
        if found != source:
            said = f"{source} did not answer within {MOUNT_SECONDS} s" if state.rc in (124, 137) else f"exit code {state.rc}"
            return Failed(f"{act.target}: {point} is {found or 'not mounted'}, not {source}: {said}", {"rc": state.rc})
        if runner().probe(ip, ("ls", "-d", f"{point}/."), deadline=LOOK_SECONDS).rc != 0:
            return Failed(f"{act.target}: {source} is mounted at {point}, and does not answer there", {"rc": state.rc})
        return Done(f"{act.target}: {source} is at {point}", {"rc": state.rc})


def mounted(ip: str) -> dict[str, str]:
    """Mount point → what is there, by the kernel's own table, which hangs on no server."""
    rows = [line.split() for line in runner().probe(ip, ("cat", "/proc/mounts"), deadline=LOOK_SECONDS).text.splitlines()]
    return {row[1]: row[0] for row in rows if len(row) > 1}
