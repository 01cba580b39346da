"""One release and what happens to it when: the driver behind most promises.

An event stands at a point of an act (`journal.POINTS`). It kills the tick or its worker, stops it, or lets it wait there while a damage
is done to the machine (`faults.damage`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import journal, oracle, releases, timing, ways
from faults.damage import DAMAGES
from faults.locks import is_writing
from faults.points import NotRun, Verdict
from faults.processes import NotThere
from faults.rig import TERMINAL, Rig

DEATHS = ("kill-tick", "kill-worker", "kill-both")
STOPPED = "stop-tick"
IN_VAIN = 3  # runs one after the other that reach none of what is left: a busy machine loses a lease before an answer is on record
TOGETHER = "together"  # instead of an act's number: at each of them, one after the other
LOOK = 0.3  # seconds; whoever asks the screen more often burdens the machine that everything else stands on
LONGEST_SLEEP = 12.0  # seconds; somebody may find that nothing is left to be done


@dataclass(frozen=True, slots=True)
class Event:
    """At that point of the N-th act of the plan, this."""

    number: int
    at: str
    what: str


@dataclass
class _Armed:
    event: Event
    act: dict[str, Any]
    marker: Path
    handled: bool = False
    since: float = 0.0  # when the repair was done, or the death
    pid: int = 0

    def cut(self, rig: Rig) -> dict[str, Any]:
        deed = {"kill-tick": "kill", "kill-worker": "kill-worker", "kill-both": "kill-worker", STOPPED: "stop"}.get(self.event.what, "meet")
        others = (rig.scheduler,) if self.event.what == "kill-both" else ()
        return {"act": self.act.get("key", ""), "at": self.event.at, "marker": str(self.marker), "deed": deed, "others": others}


@dataclass
class Schedule:
    rig: Rig
    environment: str
    events: Sequence[Event]
    worker: dict[str, Any] = field(default_factory=dict)  # what else the workers are forked with
    must_be_reached: bool = True
    must_succeed: bool = False  # `unknown` is not enough
    workers: list[int] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    _asleep: list[threading.Thread] = field(default_factory=list)  # one for each tick that is stopped now

    def play(self) -> Verdict:
        rig = self.rig
        releases.reference(rig, self.environment)
        plan = ways.plan(rig, self.environment)
        acts = releases.acts(plan)
        self.armed = [
            _Armed(event, acts[event.number - 1] if event.number <= len(acts) else {"target": ""}, rig.folder / f"cut-{uuid.uuid4().hex}")
            for event in self.events
        ]
        try:
            release = releases.start(rig, self.environment, plan)
            self._hire()
            ended = self._follow(release)
            recovery = self._recovery(release.number)
            self.found += release.judged(ended) + self._orphans()
            self.found += releases.unsure(ended) if self.must_succeed else []
            self._look_at_recovery(recovery)
            said = "" if ended["state"] == "succeeded" else f"{ended['state']}: {ended['said']}"
            return Verdict(self.found, recovery, said, unknown=int(ended["state"] in oracle.HONEST))
        finally:
            self._leave()

    def _hire(self) -> None:
        cuts = [armed.cut(self.rig) for armed in self.armed]
        self.rig.workers = self.workers
        self.workers.append(self.rig.fork("worker", cuts=cuts, **self.worker))

    def _follow(self, release: releases.Release) -> dict[str, Any]:
        seconds = (timing.LONGEST_RUN + len(self.armed) * 3 * timing.LEASE) * timing.slack()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            run = self._run(release.number)
            look_again = time.monotonic() + LOOK
            while time.monotonic() < look_again:
                for armed in self.armed:
                    if not armed.handled and armed.marker.exists():
                        armed.handled = True
                        self._happens(armed, release.number)
                time.sleep(0.02)
            if run and run["state"] in TERMINAL:
                for armed in self.armed:
                    if self.must_be_reached and armed.act.get("key") and not armed.handled:
                        self.found.append(f"{armed.event.at} of {armed.act['key']} was never reached")
                return run
        raise NotThere(f"the end of run {release.number}: not within {seconds:.0f} seconds; it is {self._run(release.number)}")

    def _run(self, number: int) -> dict[str, Any] | None:
        """None while the screen cannot be asked."""
        answer = self.rig.http.get(f"/api/v1/runs/{number}")
        if answer.status_code != 200:
            return None
        found: dict[str, Any] = answer.json()
        return found

    def _happens(self, armed: _Armed, run: int) -> None:
        struck = json.loads(armed.marker.read_text())
        armed.pid, armed.since = struck["pid"], struck["at"]
        what = armed.event.what
        if what in DEATHS:
            if what == "kill-both":
                self.rig.start_scheduler()
            if what != "kill-tick":
                self._hire()
        elif what == STOPPED:
            self._asleep = [thread for thread in self._asleep if thread.is_alive()]
            self._asleep.append(threading.Thread(target=self._wake, args=(armed, run), name="wakes", daemon=True))
            self._asleep[-1].start()
            if sum(map(self.rig.nursery.is_alive, self.workers)) <= len(self._asleep):
                self._hire()  # a worker that waits for its stopped tick takes nothing up
        else:
            self._damage(armed)

    def _wake(self, armed: _Armed, run: int) -> None:
        """When its lease is over and somebody else has taken the run over, and has done what this one was about to do."""
        wanted = "did" if armed.event.at in ("before-intent", "after-intent") else "claim"
        begin = time.monotonic() + 2.5 * timing.LEASE
        end = max(begin, time.monotonic() + LONGEST_SLEEP * timing.slack())
        while time.monotonic() < end:
            time.sleep(0.1)
            if is_writing(armed.pid):  # it began to between its look and its stop: it stops again when that is done
                self._go_on(armed)
            if time.monotonic() < begin:
                continue
            later = [entry for entry in journal.read(self.rig.journal, run) if entry["pid"] != armed.pid and entry["t"] > armed.since]
            if any(entry["what"] == wanted and entry.get("key", "") in ("", armed.act["key"]) for entry in later):
                break
        with contextlib.suppress(FileNotFoundError):  # the rig has ended meanwhile
            Path(f"{armed.marker}.go").write_text(str(journal.now()))
        for _ in range(10):  # it may have been about to stop again
            self._go_on(armed)
            time.sleep(0.1)

    def _go_on(self, armed: _Armed) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(armed.pid, signal.SIGCONT)

    def _damage(self, armed: _Armed) -> None:
        damage: Iterator[list[str]] = DAMAGES[armed.event.what](self.rig, armed.act)
        try:
            self.found += next(damage)
        finally:
            Path(f"{armed.marker}.go").touch()
        next(damage, None)
        armed.since = journal.now()

    def _recovery(self, run: int) -> float | None:
        """The worst: until somebody worked on the run again, after each event."""
        worst: float | None = None
        entries = list(journal.deeds(self.rig.journal, run))
        for armed in self.armed:
            if armed.handled:
                dead = armed.pid if armed.event.what in (*DEATHS, STOPPED) else 0
                again = next((entry["t"] for entry in entries if entry["t"] > armed.since and entry["pid"] != dead), None)
                if again is not None:
                    worst = max(worst or 0.0, again - armed.since)
        return worst

    def _orphans(self) -> list[str]:
        went_on = [armed for armed in self.armed if Path(f"{armed.marker}.orphan").exists()]
        return [f"an orphan went on: its worker was killed {armed.event.at} of {armed.act['key']}, and the tick lived" for armed in went_on]

    def _look_at_recovery(self, recovery: float | None) -> None:
        longest = timing.RESUMED * timing.slack()
        if recovery is not None and recovery > longest:
            self.found.append(f"resumed after {recovery:.1f} s; {longest:.0f} s are promised here")

    def _leave(self) -> None:
        for armed in self.armed:
            Path(f"{armed.marker}.go").touch()
        self.rig.nursery.kill(*self.workers)
        self.rig.clear_faults()
        if not self.rig.nursery.is_alive(self.rig.scheduler):
            self.rig.start_scheduler()
        if not self.rig.nursery.is_alive(self.rig.web):
            self.rig.start_web()


def play(rig: Rig, environment: str, *events: Event, **more: Any) -> Verdict:
    return Schedule(rig, environment, events, **more).play()


def together(
    rig: Rig, environment: str, what: str, *kinds: str, at: Sequence[str] = ("after-intent",), by: Callable[..., Schedule] | None = None
) -> Verdict:
    """At these points of every act of the plan, in as few runs as reach them all: whoever goes on meets the next one.

    What one run cannot reach, the next does: whose effect was there already when it came back has no answer to be killed after.
    Raises NotRun where there is no act at all.
    """
    left = [Event(number, each, what) for number in numbers(rig, environment, *kinds) for each in at]
    if not left:
        raise NotRun(f"{environment} has no plan now whose acts could be struck.")
    result, in_vain = Verdict(points=0), 0
    while left and not result.violations:
        schedule = (by or Schedule)(rig, environment, left, must_be_reached=False)
        played = schedule.play()
        struck = {armed.event for armed in schedule.armed if armed.handled}
        result.points += len(struck)
        result.unknown += len(struck) if played.unknown else 0
        result.violations += played.violations
        result.recovery = max(filter(None, (result.recovery, played.recovery)), default=None)
        result.said = result.said or played.said
        left = [event for event in left if event not in struck]
        in_vain = 0 if struck else in_vain + 1
        if in_vain == IN_VAIN:
            result.violations += [f"{event.at} of act {event.number} was never reached" for event in left]
    return result


def numbers(rig: Rig, environment: str, *kinds: str) -> list[int]:
    """Of the plan's acts: all, or those of these kinds."""
    return [number for number, act in enumerate(ways.acts(rig, environment), 1) if not kinds or act["kind"] in kinds]
