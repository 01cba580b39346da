"""P16: a full disk and a very large log. Points: `disk`, `log:MEGABYTES`."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from faults import releases, small_plans
from faults.points import NotRun, Promise, Verdict
from faults.rig import Rig

GROWTH = 50  # megabytes that a worker may grow by
ROOM = 1_000_000  # bytes that are left on the disk


def points(rig: Rig) -> Iterator[str]:
    yield "disk"
    yield "log:10"
    yield "log:100"


def run(rig: Rig, point: str) -> Verdict:
    kind, _, much = point.partition(":")
    return _disk(rig) if kind == "disk" else _log(rig, int(much))


def _disk(rig: Rig) -> Verdict:
    """The disk of the database is full while a log is written; then there is room again."""
    database = rig.folder / "console.sqlite3"
    if not _can_mount(rig.folder):
        raise NotRun("No tmpfs can be mounted here (it takes root): the full disk was not run.")
    number = small_plans.started(rig, small_plans.nothing(rig, "faults-disk"))
    disk = rig.folder / "full"
    disk.mkdir(exist_ok=True)
    rig.nursery.kill(rig.web, rig.scheduler)
    _call("mount", "-t", "tmpfs", "-o", f"size={database.stat().st_size + ROOM}", "tmpfs", str(disk))
    try:
        with contextlib.closing(sqlite3.connect(database)) as old, contextlib.closing(sqlite3.connect(disk / "db.sqlite3")) as new:
            old.backup(new)
        log = rig.folder / "lines.log"
        before = len(log.read_text()) if log.exists() else 0
        pid = rig.nursery.fork("lines", run=number, count=20_000, rate=1e9, long=400, database=str(disk / "db.sqlite3"))
        ended = rig.nursery.wait(pid, seconds=120)
        said = log.read_text()[before:]
        found = [] if ended and "disk is full" in said else [f"nothing was said of the full disk: {said[-200:]}"]
        _call("mount", "-o", "remount,size=200m", str(disk))
        with contextlib.closing(sqlite3.connect(disk / "db.sqlite3")) as after:
            answer = after.execute("PRAGMA integrity_check").fetchone()[0]
            rows = after.execute("SELECT seq_first, seq_last FROM log_chunk WHERE run_id = ? ORDER BY seq_first", (number,)).fetchall()
        if answer != "ok":
            found.append(f"the database is damaged: {answer}")
        if any(before[1] + 1 != row[0] for before, row in itertools.pairwise(rows)):
            found.append("the log's numbers have a gap")
        pid = rig.nursery.fork("lines", run=number, count=100, rate=1e9, long=400, database=str(disk / "db.sqlite3"))
        if rig.nursery.wait(pid, seconds=60) != 0:
            found.append("with room again, nothing can be written")
        return Verdict(found)
    finally:
        _call("umount", str(disk))
        rig.start_scheduler()
        rig.start_web()


def _log(rig: Rig, megabytes: int) -> Verdict:
    """So much is written into a run's log; how much the process grows by."""
    number = small_plans.started(rig, small_plans.nothing(rig, f"faults-large-{megabytes}"))
    long = 1000
    answer = rig.ask("lines", run=number, count=megabytes * 1_000_000 // long, rate=1e9, long=long, seconds=300)
    growth = (answer["peak"] - answer["before"]) / 1e6
    found = [f"the writer grew by {growth:.0f} MB"] if growth > GROWTH else []
    last = rig.http.get(f"/api/v1/runs/{number}/log", params={"after": 10**9}).json()["last"]
    if last != megabytes * 1_000_000 // long:
        found.append(f"{last} lines are stored")
    worker = rig.fork("worker")
    try:
        ended = rig.finished(number, seconds=60)
    finally:
        rig.nursery.kill(worker)
    return Verdict(found + ([] if ended["state"] == "succeeded" else [f"the run is {ended['state']}"]), None, f"grew by {growth:.0f} MB")


def _can_mount(folder: Path) -> bool:
    place = folder / "can-mount"
    place.mkdir(exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, timeout=30, check=False
    ).returncode:
        return False
    _call("umount", str(place))
    return True


def _call(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise releases.Broken(f"{' '.join(argv)}: {done.stderr.strip()}")


PROMISE = Promise("P16", "A full disk and a very large log break nothing", points, run)
