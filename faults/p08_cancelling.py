"""P8: cancel means dead. Points: FAULT:MOMENT, where FAULT is what the connection does meanwhile, MOMENT tenths of a second."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from faults import small_plans
from faults.points import Promise, Verdict
from faults.processes import NotThere, until
from faults.rig import Rig

HOST, IP = "fe-1", "10.0.101.24"
WHILE = ("nothing", "reset", "hole")
MOMENTS = (0, 1, 2, 3, 5, 8, 12, 17, 23, 30)
STUBBORN = "trap '' TERM; (while :; do sleep 0.2; done) & while :; do echo still at it; sleep 0.2; done # {token}"
DEAD = 10.0  # seconds after the cancel has come to the host


def points(rig: Rig) -> Iterator[str]:
    for fault in WHILE:
        for moment in MOMENTS:
            yield f"{fault}:{moment}"


def run(rig: Rig, point: str) -> Verdict:
    fault, moment = point.split(":")
    token = uuid.uuid4().hex
    worker = rig.fork("worker")
    proxy = rig.proxies[HOST]
    try:
        number = small_plans.started(rig, small_plans.command(rig, HOST, IP, ("sh", "-c", STUBBORN.format(token=token))))
        until("the command", lambda: alive(token), seconds=30)
        time.sleep(int(moment) / 10)
        if fault == "hole":
            proxy.mode = "hole"
        refused = rig.act(number, "cancel_run", "abort")
        if fault == "reset":
            proxy.reset()
        if fault == "hole":
            time.sleep(3)
            proxy.mode = "pass"
            proxy.reset()
        began = time.monotonic()
        found = [refused] if refused else []
        found += _dies(token)
        recovery = time.monotonic() - began
        ended = rig.finished(number, seconds=40)
        if ended["state"] != "cancelled":
            found.append(f"the run is {ended['state']}: {ended['said']}")
        elif HOST not in ended["said"]:
            found.append(f"the run does not say what was ended where: {ended['said']}")
        rig.act(number, "release_lock", "fault suite")
        return Verdict(found, recovery)
    finally:
        proxy.mode = "pass"
        rig.nursery.kill(worker)


def alive(token: str) -> list[int]:
    """Processes of this machine with the token among their words, zombies aside."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
            ours = f"# {token}".encode() in words and b"runner" not in words.split(b"\0")[0] and words.startswith((b"sh\0", b"/bin/sh\0-c"))
            if ours and (folder / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _dies(token: str) -> list[str]:
    try:
        until("the command's end", lambda: not alive(token), seconds=DEAD, pause=0.1)
    except NotThere:
        return [f"{len(alive(token))} processes of the command live on"]
    return []


PROMISE = Promise("P8", "Cancel means dead: nothing of the command is left on the host, and the run says so", points, run)
