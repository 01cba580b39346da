"""Runs promises point by point, on one rig as long as nothing goes wrong on it, and reports."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from faults import (
    p01_cut_points,
    p02_lost_replies,
    p03_redis,
    p04_database,
    p05_live_log,
    p06_throttling,
    p07_ssh_drops,
    p08_cancelling,
    p09_simultaneous,
    p10_clocks,
    p11_screen,
    p13_maintenance,
    p14_resuming,
    p15_upgrading,
    p16_limits,
    p17_restoring,
    p18_schedules,
    timing,
)
from faults.points import NotRun, Promise, Verdict
from faults.processes import ROOT, NotThere
from faults.releases import Broken
from faults.rig import Rig
from faults.schedules import TOGETHER

_MODULES = (
    p01_cut_points,
    p02_lost_replies,
    p03_redis,
    p04_database,
    p05_live_log,
    p06_throttling,
    p07_ssh_drops,
    p08_cancelling,
    p09_simultaneous,
    p10_clocks,
    p11_screen,
    p13_maintenance,
    p14_resuming,
    p15_upgrading,
    p16_limits,
    p17_restoring,
    p18_schedules,
)
PROMISES: dict[str, Promise] = {module.PROMISE.name: module.PROMISE for module in _MODULES}


@dataclass(frozen=True, slots=True)
class Wanted:
    names: tuple[str, ...] = ()
    sample: float = 1.0
    seed: int = 1
    replay: tuple[str, ...] = ()
    minutes: float = 0.0  # for each promise; 0: as long as it takes
    side_by_side: int = 1  # points that are played at the same time, each on a rig of its own

    def promises(self) -> list[Promise]:
        if self.replay:
            return [_named(name) for name in dict.fromkeys(token.partition(":")[0] for token in self.replay)]
        return [_named(name) for name in dict.fromkeys(name.partition(":")[0].upper() for name in self.names)] or list(PROMISES.values())

    def prefixes(self, promise: str) -> tuple[str, ...]:
        """What its points are to begin with, any of these; nothing where all are wanted."""
        asked = [rest for name, _, rest in (each.partition(":") for each in self.names) if name.upper() == promise]
        return () if "" in asked else tuple(dict.fromkeys(asked))

    @property
    def is_part(self) -> bool:
        """Whether what comes of it says nothing about a promise as a whole."""
        return bool(self.replay) or self.sample < 1 or any(self.prefixes(promise.name) for promise in self.promises())


def _named(name: str) -> Promise:
    if name.upper() not in PROMISES:
        sys.exit(f"There is no promise {name} here; there are {', '.join(PROMISES)}.")
    return PROMISES[name.upper()]


@dataclass(slots=True)
class Result:
    """What `--json` prints of a promise. `not_run` counts the points that this machine cannot do; `why_not` says what is missing.

    `unknown` counts points whose run ended in an honest “I do not know”: no violation where the promise allows it, and no success.
    """

    promise: str
    title: str
    seed: int
    runs: int = 0
    violations: int = 0
    unknown: int = 0
    not_run: int = 0
    worst_recovery_seconds: float | None = None
    replay: str = ""
    why_not: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def add(self, token: str, verdict: Verdict) -> None:
        self.runs += verdict.points
        self.unknown += verdict.unknown
        if verdict.recovery is not None:
            self.worst_recovery_seconds = round(max(self.worst_recovery_seconds or 0.0, verdict.recovery), 1)
        if verdict.violations:
            self.violations += 1
            self.found += [f"{token}: {words}" for words in verdict.violations]
            self.replay = self.replay or f"./console faults --replay {token} --seed {self.seed} --lease {timing.LEASE:g}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Rigs:
    """The rig that is used until something goes wrong on it, or somebody wants one of its own."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._stack = contextlib.ExitStack()
        self._rig: Rig | None = None
        self._database = ""

    def get(self, database: str = "sqlite") -> Rig:
        """Raises NotRun where this machine has not that database."""
        if self._rig is not None and (database != self._database or self._rig.spoiled):
            self.drop()
        if self._rig is None:
            self._rig = self._stack.enter_context(Rig(seed=self._wanted.seed, database=database))
            self._database = database
        return self._rig

    def drop(self) -> None:
        self._rig = None
        self._stack.close()


def main(wanted: Wanted, *, as_json: bool) -> int:
    results = []
    for result in run(wanted):
        results.append(result)
        if not wanted.is_part:
            keep(result)
        if not as_json:
            print(_row(result), flush=True)
    if as_json:
        print(json.dumps([result.to_json() for result in results], indent=1), flush=True)
    return 1 if any(result.violations for result in results) else 0


def show_points(wanted: Wanted) -> None:
    rigs = Rigs(wanted)
    try:
        for promise in wanted.promises():
            for point in chosen(promise, wanted, rigs):
                print(f"{promise.name}:{point}", flush=True)
    finally:
        rigs.drop()


def run(wanted: Wanted) -> Iterator[Result]:
    """Whoever finds nothing left to play of a promise goes on to the next: nobody waits for the slowest point."""
    places = [Rigs(wanted) for _ in range(wanted.side_by_side)]
    try:
        playings = [_Playing(promise, wanted, chosen(promise, wanted, places[0]), len(places)) for promise in wanted.promises()]
        with ThreadPoolExecutor(len(places), thread_name_prefix="points") as threads:
            players = [threads.submit(_play_all, playings, rigs) for rigs in places]
            for playing in playings:
                yield playing.result()
            for player in players:
                player.result()
    finally:
        for rigs in places:
            rigs.drop()


def _play_all(playings: Sequence[_Playing], rigs: Rigs) -> None:
    left = deque(playings)
    try:
        while left:
            left.popleft().play(rigs)
    finally:
        for playing in left:
            playing.leave()


def chosen(promise: Promise, wanted: Wanted, rigs: Rigs) -> Sequence[str]:
    """All points, or a sample that the seed chooses: at least one. Where time is limited they come in a random order of the seed's."""
    if wanted.replay:
        return [token.partition(":")[2] for token in wanted.replay if token.partition(":")[0].upper() == promise.name]
    rig, prefixes = rigs.get(), wanted.prefixes(promise.name)
    rig.prefix = prefixes[0] if len(prefixes) == 1 else ""
    points = [point for point in promise.points(rig) if point.startswith(prefixes or "")]
    if not any(TOGETHER in prefix for prefix in prefixes):
        points = [point for point in points if TOGETHER not in point.split(":")]  # each would count twice: by itself, and with the others
    if not points and prefixes:
        sys.exit(
            f"{promise.name} has no point that begins with {' or '.join(prefixes)}. ./console faults {promise.name} --list prints them."
        )
    chance = random.Random(f"{wanted.seed}:{promise.name}")
    if wanted.minutes:
        return chance.sample(points, max(1, round(len(points) * min(1.0, wanted.sample))))
    if wanted.sample >= 1:
        return points
    count = max(1, round(len(points) * wanted.sample))
    return [points[index] for index in sorted(chance.sample(range(len(points)), count))]


class _Playing:
    """The points of one promise, taken one after the other by as many players as there are."""

    def __init__(self, promise: Promise, wanted: Wanted, points: Sequence[str], players: int) -> None:
        self._promise = promise
        self._result = Result(promise.name, promise.title, wanted.seed)
        self._count = len(points)
        self._left = deque(enumerate(points, 1))
        self._seconds = 60 * wanted.minutes
        self._end: float | None = None
        self._players = players
        self._lock = threading.Lock()
        self._over = threading.Event()

    def result(self) -> Result:
        """When every player has left it."""
        self._over.wait()
        if self._left:
            over = self._end is not None and time.monotonic() > self._end
            why = "the time for this promise was over" if over else "whoever played them ended early"
            self._not_run(f"{len(self._left)} points: {why}.", len(self._left))
        return self._result

    def play(self, rigs: Rigs) -> None:
        try:
            while (taken := self._next()) is not None:
                self._play(rigs, *taken)
        finally:
            self.leave()

    def leave(self) -> None:
        with self._lock:
            self._players -= 1
            if not self._players:
                self._over.set()

    def _play(self, rigs: Rigs, number: int, point: str) -> None:
        token, began = f"{self._promise.name}:{point}", time.monotonic()
        try:
            verdict = self._promise.run(rigs.get(self._promise.database(point)), point)
        except NotRun as reason:
            self._not_run(str(reason))
            return
        except (NotThere, Broken) as error:
            verdict = Verdict([str(error)])
        except (httpx.HTTPError, BotoCoreError, ClientError, OSError) as error:  # the next point has a rig of its own
            verdict = Verdict([f"the rig does not answer: {type(error).__name__}: {error}"])
        with self._lock:
            self._result.add(token, verdict)
            _tell(token, number, self._count, verdict, time.monotonic() - began)
        if verdict.violations:
            rigs.drop()  # what follows must not stand on a world that has gone wrong

    def _next(self) -> tuple[int, str] | None:
        with self._lock:
            if self._end is None and self._seconds:
                self._end = time.monotonic() + self._seconds
            is_over = self._end is not None and time.monotonic() > self._end
            return self._left.popleft() if self._left and not is_over else None

    def _not_run(self, why: str, count: int = 1) -> None:
        with self._lock:
            self._result.not_run += count
            if why not in self._result.why_not:
                self._result.why_not.append(why)


def _tell(token: str, number: int, count: int, verdict: Verdict, seconds: float) -> None:
    mark = "VIOLATION" if verdict.violations else "ok"
    recovery = f", resumed after {verdict.recovery:.1f} s" if verdict.recovery is not None else ""
    recovery += f", {verdict.points} points" if verdict.points != 1 else ""
    recovery += f", {verdict.unknown} unknown" if verdict.unknown else ""
    words = "; ".join(verdict.violations) or verdict.said
    print(f"{number:>4}/{count} {mark:<9} {token} ({seconds:.1f} s{recovery}) {words}".rstrip(), file=sys.stderr, flush=True)


def _row(result: Result) -> str:
    worst = f"{result.worst_recovery_seconds:.1f} s" if result.worst_recovery_seconds is not None else "–"
    counted = f"{result.runs:>5} runs  {result.violations:>3} violations  {result.unknown:>3} unknown  {result.not_run:>3} not run"
    rows = [f"{result.promise:<4} {counted}  resumed ≤ {worst:<7} {result.title}"]
    rows += [f"     not run: {why}" for why in result.why_not] + [f"     {words}" for words in result.found[:20]]
    return "\n".join(rows + ([f"     {result.replay}"] if result.replay else []))


def keep(result: Result) -> None:
    """The last result of each promise, for the page that shows what is promised."""
    path = Path(os.environ.get("DATA_DIR", ROOT / ".demo")) / "promises.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    known[result.promise] = result.to_json()
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(known, indent=1))
    os.replace(draft, path)
