"""How long visitors had no shop in a release: migration-aware beside as written, on the demo's estate, asked from outside all the while.

Cases: `no-migration` (the new code needs none), `migration` (it needs one); the baseline of both is a release as written that migrates,
too. Everything is the console's own: plans and runs over its API, workers, the estate in a box over its wires. Seconds
are the estate's: the measured ones by its speed. A case also tells how many requests were made, how many failed, and by which answers.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
SPEED, QUICK_SPEED = 15, 60
VISITORS = 4  # at the same time
PATIENT = 4  # and those who ask for a page that takes longer than Beanstalk has a host drain by default
PAUSE = 0.05  # seconds between a visitor's answers
LONGEST = 3600.0  # seconds for one release
START_SECONDS = 300.0
SHOP, LONG_PAGE = "https://www.client.url/", "https://www.client.url/export.html"


def run(*, quick: bool) -> list[dict[str, object]]:
    speed = QUICK_SPEED if quick else SPEED
    with tempfile.TemporaryDirectory(prefix="bench-downtime-") as name, _console(Path(name), speed) as console:
        console.sim("actions/push-commit", schema="yes")
        written = console.release(configuration_branch="prod", strategy="as-written")
        console.sim("actions/push-commit", schema="yes")
        window = console.prepared_release()
        console.sim("actions/push-commit")
        rolled = console.prepared_release()
    return [_row("no-migration", rolled, written, speed), _row("migration", window, written, speed)]


def _row(case: str, ours: Visits, baseline: Visits, speed: float) -> dict[str, object]:
    return {
        "bench": "downtime",
        "case": case,
        "ours": ours.without * speed,
        "baseline": baseline.without * speed,
        "unit": "s",
        "ratio": ours.without / baseline.without if baseline.without else float("inf"),
        "better": "lower",
        "requests": ours.requests,
        "failed": ours.failed,
        "answers": ours.said,
        "closed": ours.closed * speed,
        "baseline_closed": baseline.closed * speed,
        "baseline_requests": baseline.requests,
        "baseline_failed": baseline.failed,
    }


@dataclass
class Visits:
    """What visitors were answered, each by themselves: when, and whether it was the shop. Real seconds."""

    answers: list[list[tuple[float, bool]]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return sum(map(len, self.answers))

    @property
    def failed(self) -> int:
        return sum(not good for mine in self.answers for _, good in mine)

    @property
    def said(self) -> str:
        return ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(self.statuses.items()))

    @property
    def without(self) -> float:
        """Seconds that a visitor of the front page was without the shop, from a bad answer to the next good one; the mean of them all."""
        return mean(map(_without, self.answers[:VISITORS]))

    @property
    def closed(self) -> float:
        """Seconds in which none of these visitors had it."""
        return _without(sorted(each for mine in self.answers[:VISITORS] for each in mine), least=VISITORS)


def _without(answers: list[tuple[float, bool]], least: int = 1) -> float:
    """Of so many bad answers one after the other, at least."""
    seconds, bad = 0.0, list[float]()
    for at, good in answers:
        if not good:
            bad.append(at)
        elif bad:
            seconds += at - bad[0] if len(bad) >= least else 0.0
            bad.clear()
    return seconds


class Console:
    """The demo, by its API."""

    def __init__(self, said: dict[str, str], proxy: str, ca_file: str) -> None:
        headers = {"Authorization": f"Bearer {said['API token']}"}
        self._api = httpx.Client(base_url=f"{said['Ready']}/api/v1", headers=headers, timeout=120, trust_env=False)
        self._sim = httpx.Client(base_url=said["Sandbox"], timeout=30, trust_env=False)
        self._proxy, self._ca_file = proxy, ca_file

    def sim(self, path: str, **options: str) -> None:
        self._sim.post(f"/sim/{path}", json=options).raise_for_status()

    def prepared_release(self) -> Visits:
        """Built first, which visitors do not notice and which is not measured."""
        self._through(self._start(configuration_branch="prebuilt", strategy="migration-aware"))
        return self.release(configuration_branch="prebuilt", strategy="migration-aware")

    def release(self, **wanted: str) -> Visits:
        visits = Visits()
        run = self._start(**wanted)
        stop = threading.Event()
        pages = [SHOP] * VISITORS + [LONG_PAGE] * PATIENT
        visits.answers = [[] for _ in pages]
        visitors = [threading.Thread(target=self._visit, args=(*each, visits, stop), daemon=True) for each in enumerate(pages)]
        for visitor in visitors:
            visitor.start()
        try:
            self._through(run)
        finally:
            stop.set()
            for visitor in visitors:
                visitor.join(30)
        return visits

    def _start(self, **wanted: str) -> int:
        """When its gates are open; a plan that was made too early is made again."""
        end = time.monotonic() + START_SECONDS
        while True:
            plan = self._api.post("/plans", json={"service": "magento", "environment": "production", **wanted})
            plan.raise_for_status()
            asked = {"plan": plan.json()["id"], "hash": plan.json()["hash"], "confirmation": "production"}
            started = self._api.post("/runs", json=asked, headers={"Idempotency-Key": uuid.uuid4().hex})
            if started.status_code == 201:
                return int(started.json()["id"])
            if time.monotonic() > end:
                raise RuntimeError(f"no release could be started: {started.text[:800]}")
            time.sleep(2)

    def _through(self, number: int, *, longest: float = LONGEST) -> dict[str, Any]:
        """The run, when it has succeeded. Raises RuntimeError where it ends otherwise, or takes more than so many seconds."""
        end = time.monotonic() + longest
        while True:
            run: dict[str, Any] = self._api.get(f"/runs/{number}").json()
            if run["state"] == "succeeded":
                return run
            if run["state"] not in ("queued", "running") or time.monotonic() > end:
                raise RuntimeError(f"run {number} is {run['state']}: {run.get('said', '')}")
            time.sleep(0.5)

    def _visit(self, number: int, page: str, visits: Visits, stop: threading.Event) -> None:
        context = ssl.create_default_context(cafile=self._ca_file)
        with httpx.Client(proxy=self._proxy, verify=context, timeout=30, trust_env=False) as visitor:
            while not stop.is_set():
                try:
                    answer = visitor.get(page)
                    status, good = answer.status_code, answer.status_code == 200 and "/static/version" in answer.text
                except httpx.HTTPError:
                    status, good = 0, False
                visits.answers[number].append((time.monotonic(), good))
                visits.statuses[status] += 1
                stop.wait(PAUSE)


@contextmanager
def _console(folder: Path, speed: float) -> Iterator[Console]:
    argv = [sys.executable, "-m", "door", "demo", "--port", "0", "--speed", str(speed), "--data", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, text=True, env=dict(os.environ))
        try:
            said = _said(process)
            ready = json.loads(next((folder / "data").rglob("ready.json")).read_text())
            yield Console(said, ready["proxy"], ready["ca_file"])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _said(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the demo prints, by the words before the colon; ends with Ready."""
    said: dict[str, str] = {}
    assert process.stdout is not None  # noqa: S101  (it was asked for)
    for line in process.stdout:
        name, _, value = line.strip().partition(": ")
        said[name] = value
        if name == "Ready":
            return said
    raise RuntimeError("the demo ended before it was ready")
