"""P14: after a failure the run goes on from the step that failed. Points: ENVIRONMENT:FAULT:HOST:COMMAND."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from faults import journal, oracle, releases
from faults.points import Promise, Verdict
from faults.rig import Rig

FAULTS = (
    "pre-production:command-fails:pp-fe-1:maintenance_enable",
    "pre-production:command-fails:pp-be:02_setup_upgrade",
    "pre-production:command-fails:pp-fe-1:cache_flush",
    "pre-production:command-fails:pp-fe-1:maintenance_disable",
    "production:command-fails:fe-2:maintenance_enable",
    "production:command-fails:be:02_setup_upgrade",
    "production:not-healthy:fe-2:",
    "production:command-fails:fe-3:cache_flush",
    "production:command-fails:fe-4:maintenance_disable",
)


def points(rig: Rig) -> Iterator[str]:
    yield from FAULTS


def run(rig: Rig, point: str) -> Verdict:
    environment, kind, host, command = point.split(":")
    reference = releases.reference(rig, environment)
    worker = rig.fork("worker")
    try:
        options = {"command": command} if command else {}
        rig.sim("faults", kind=kind, host=host, times=-1, options=options)
        release = releases.press(rig, environment)
        failed = release.end()
        found = _failure(failed, host)
        rig.clear_faults()
        done = {effect["key"] for effect in rig.ask("effects", run=release.number)["effects"] if effect["state"] == "done"}
        again = journal.now()
        if refused := rig.act(release.number, "resume"):
            found.append(f"going on was refused: {refused}")
        ended = release.end()
        repeated = [
            entry["key"]
            for entry in journal.read(rig.journal, release.number)
            if entry["what"] == "do" and entry["t"] > again and entry["key"] in done
        ]
        if repeated:
            found.append(f"what was done was repeated: {', '.join(repeated)}")
        found += _ending(rig, release, ended, reference)
        release.tidy(ended)
        return Verdict(found)
    finally:
        rig.clear_faults()
        rig.nursery.kill(worker)


def _failure(failed: dict[str, Any], host: str) -> list[str]:
    if failed["state"] != "failed":
        return [f"a host failed, and the run is {failed['state']}: {failed['said']}"]
    return [] if host in failed["said"] else [f"the failure does not name {host}: {failed['said']}"]


def _ending(rig: Rig, release: releases.Release, ended: dict[str, Any], reference: oracle.World) -> list[str]:
    """The hosts are as after a release without faults; what had failed was done once more, and nothing else."""
    if ended["state"] != "succeeded":
        return [f"after going on the run is {ended['state']}: {ended['said']}"]
    world = oracle.world(rig, release.plan, release.began)
    world.deeds = reference.deeds
    return world.differences(reference) + oracle.shown(rig, release.plan, ended) + oracle.backwards(ended)


PROMISE = Promise("P14", "A failure names its host; going on repeats nothing that is done", points, run)
