"""Three machines in mid-release, one of them lost while it works on it: without its power, or cut off from the database and Redis alone.

The release ends well on another one, each effect once; everybody who watches has every line; no two schedulers do the same at once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import oracle, releases, several, timing, ways
from faults.machines import Network
from faults.points import NotRun
from faults.processes import until
from faults.several import Several, Viewers

pytestmark = pytest.mark.timeout(1500)
WHERE = "pre-production"
NOTICED = 24.0  # seconds: whoever is cut off gives up after some ten; the rest is for a busy machine
TAKEN_OVER = 60.0  # seconds: what is done every few seconds is held for half a minute after its scheduler has died
EVERY_FEW_SECONDS = ("scheduler", "estate", "shop", "notifications")


@pytest.fixture(scope="module")
def rig() -> Iterator[Several]:
    try:
        with Network((several.DATA, *several.NAMES)) as network, Several(network) as made:
            yield made
    except NotRun as reason:
        pytest.skip(f"not run: {reason}")


@pytest.mark.parametrize("how", ["without its power", "cut off"])
def test_a_machine_is_lost_in_mid_release(rig: Several, how: str) -> None:
    releases.reference(rig, WHERE)
    plan = ways.plan(rig, WHERE)
    act = next(act for act in releases.acts(plan) if act["kind"] == "beanstalk.update")
    marker = rig.folder / f"cut-{uuid.uuid4().hex}"
    release = releases.start(rig, WHERE, plan)
    cut = {"act": act["key"], "at": "after-effect", "marker": str(marker), "deed": "meet"}
    workers = {name: rig.at(name, "worker", cuts=[cut]) for name in several.NAMES}
    viewers = Viewers(rig, release.number)
    lost = ""
    try:
        until("the point at which a machine is lost", marker.exists, seconds=timing.LONGEST_RUN)
        lost = rig.network.where(json.loads(marker.read_text())["pid"])
        rig.stand_at(next(name for name in several.NAMES if name != lost))
        rig.network.cut(lost)
        if how == "without its power":
            rig.machines[lost].loses_power()
        Path(f"{marker}.go").touch()  # whoever lives goes on: its answer finds no database
        run = release.end()
        assert run["state"] == "succeeded", run["said"]
        assert release.judged(run) == []
        lines = [line["seq"] for line in rig.log(release.number)]
        until("everybody to have seen the last line", lambda: all(seen[-1:] == lines[-1:] for seen in viewers.seen.values()), seconds=60)
        assert all(seen == lines for seen in viewers.seen.values())
        until("others to do what the lost machine did", lambda: lost not in map(rig.duties().get, EVERY_FEW_SECONDS), seconds=TAKEN_OVER)
        assert at_once(rig) == []
        rig.network.mend(lost)
        if how == "without its power":
            rig.start(lost)
        until(f"{lost} to answer again", lambda: rig.answers(lost), seconds=NOTICED)
    finally:
        viewers.close()
        if lost:
            rig.network.mend(lost)
        for name, worker in workers.items():
            rig.machines[name].nursery.kill(worker)


def at_once(rig: Several) -> list[str]:
    """Duties that one scheduler began while another one that lives had not ended with it."""
    found: list[str] = []
    doing: dict[str, int] = {}
    for line in rig.journal.read_text().splitlines():
        entry = json.loads(line)
        duty, pid = entry.get("duty"), entry["pid"]
        if entry["what"] == "begins":
            if duty in doing and not oracle.has_ended(rig, doing[duty]):
                found.append(f"{duty} by {pid} while {doing[duty]} was at it")
            doing[duty] = pid
        elif entry["what"] == "ends" and doing.get(duty) == pid:
            del doing[duty]
    return found
