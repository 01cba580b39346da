"""What the console promises, a sentence each, the test that proves it, and what that test last said on this installation.

The sentences are data. The results are read from `promises.json` in the data folder, where `./console faults` writes them; a promise
without one is “not run”, never “kept”.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.dateparse import parse_datetime


@dataclass(frozen=True, slots=True)
class Promise:
    key: str
    sentence: str
    proof: str  # how it is tested
    test: str = ""  # what else proves it, besides the fault suite
    in_suite: bool = True

    @property
    def command(self) -> str:
        return f"./console faults {self.key}" if self.in_suite else f"./console test {self.test}"


@dataclass(frozen=True, slots=True)
class Result:
    """`state` is a light: ok, bad, warn (something could not be run), unknown (nothing was run)."""

    state: str
    word: str
    runs: int = 0
    violations: int = 0
    unknown: int = 0  # of the runs: those that ended in an honest “I do not know”
    not_run: int = 0
    worst_recovery_seconds: float | None = None
    seed: int | None = None
    replay: str = ""
    at: datetime | None = None


PROMISES = (
    Promise(
        "P1",
        "A release that is killed anywhere ends as it would have, or says that it does not know; no effect happens twice.",
        "At five moments of every act: its tick, its worker, or both and the scheduler are killed, or it is stopped for a while.",
    ),
    Promise(
        "P2",
        "A reply that is lost is neither a failure nor a reason to repeat.",
        "“Done, but the reply is lost”: for each call of AWS, each command on a host and each commit of a release.",
    ),
    Promise(
        "P3",
        "All of Redis may be lost at any time: no release is lost or doubled.",
        "At every act Redis is emptied, or killed and started empty, at once and two leases later.",
    ),
    Promise(
        "P4",
        "The database may be away: nothing is done without a stored intent, and no line of the log is lost.",
        "At every act, for two leases: SQLite is locked, PostgreSQL is frozen, or stopped as by a loss of power.",
    ),
    Promise(
        "P5",
        "The live log survives whatever happens to the web: no line is lost, doubled or out of order.",
        "The web is killed in each of twenty bursts of five hundred lines, with fifty viewers; Redis, too.",
    ),
    Promise(
        "P6",
        "AWS may throttle: the release waits and succeeds, and asks no more often because more people look.",
        "Every call is throttled for two minutes, and asked for with ten viewers; throttled and failing calls at every act.",
    ),
    Promise(
        "P7",
        "A connection to a host may break at any moment: the command runs once, to its end, with its whole output.",
        "Connections are reset, silent, without answers or cut, at ten moments of three kinds of command, under two SSH servers.",
    ),
    Promise(
        "P8",
        "Cancelled means dead: nothing of it is left running on the host.",
        "Cancelled at ten moments with the connection whole, reset or silent; then the host's processes are counted.",
    ),
    Promise(
        "P9",
        "One change at a time for each lock group, whoever presses and however often.",
        "Fifty presses at once, twenty rounds, on both databases; repeated keys.",
    ),
    Promise(
        "P10",
        "Clocks may lie: no lease is stolen, no duration is negative.",
        "The worker's clock is three seconds or ten minutes ahead or behind, while a tick of it dies.",
    ),
    Promise(
        "P11",
        "The screen never lies: what it shows is so, or it says unknown.",
        "What is said of every host is compared with the world three times a second during releases that die, and after every point.",
    ),
    Promise(
        "P12",
        "Drift is seen: whatever differs from what should be is said.",
        "Differences that are played, and clean cycles without a false alarm. The fault suite has no points for it.",
        "tests/handover/test_drift.py",
        in_suite=False,
    ),
    Promise(
        "P13",
        "The shop is never silently left in maintenance mode: within a minute every page says so, with one button out.",
        "A flag is left behind, and a release dies on one; its own tests put flags on hosts by hand.",
        "tests/deployments/test_guard.py",
    ),
    Promise(
        "P14",
        "A failure names its host, its log and what to do next; going on repeats nothing that is done.",
        "A host fails in each phase of a release, in both environments; then the run goes on.",
        "tests/runs/test_deciding.py",
    ),
    Promise(
        "P15",
        "The console can be upgraded during a release.",
        "At every act all processes are asked to end, and others of a newer version take over.",
    ),
    Promise(
        "P16",
        "A full disk and a log of a hundred megabytes pause the work in plain words and break nothing.",
        "A disk with a megabyte of room; logs of ten and a hundred megabytes, with the worker's memory watched.",
    ),
    Promise(
        "P17",
        "An old backup fires nothing again: a run that it holds is shown as unknown until a person has looked.",
        "A copy of the database is put back five acts later, in the middle of a release.",
    ),
    Promise(
        "P18",
        "All of this holds together: any of these faults in any order.",
        "Random schedules of three faults each; every failure is replayed from its seed.",
    ),
)


def results() -> dict[str, Result]:
    """By the promise's key. An unreadable file says nothing: every promise is then unknown."""
    try:
        found = json.loads((Path(settings.DATA_DIR) / "promises.json").read_text())
    except (OSError, ValueError):
        return {}
    rows = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return {str(row["promise"]): _result(row) for row in rows if isinstance(row, dict) and "promise" in row}


def result_of(key: str, known: Mapping[str, Result]) -> Result:
    return known.get(key, Result("unknown", "not run on this installation"))


def _result(row: Mapping[str, Any]) -> Result:
    runs, violations, unknown, not_run = (_number(row.get(name)) for name in ("runs", "violations", "unknown", "not_run"))
    worst, seed = row.get("worst_recovery_seconds"), row.get("seed")
    told: dict[str, Any] = {
        "runs": runs,
        "violations": violations,
        "unknown": unknown,
        "not_run": not_run,
        "worst_recovery_seconds": float(worst) if isinstance(worst, int | float) else None,
        "seed": seed if isinstance(seed, int) else None,
        "replay": str(row.get("replay") or ""),
        "at": parse_datetime(str(row.get("at") or "")),
    }
    if violations:
        return Result("bad", "broken", **told)
    if not runs:
        return Result("unknown", "not run on this machine", **told)
    return Result("warn", "kept, as far as it was run", **told) if not_run else Result("ok", "kept", **told)


def _number(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
