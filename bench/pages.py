"""The console's pages after years of work, beside the least that a page of its can be, on the same server and in turns.

50,000 runs, 5,000,000 log lines, 2,000 hosts, 1,000,000 transitions of alarms (`--quick`: a fiftieth), in SQLite and, where its programs
are installed, in PostgreSQL. `ours` is a page's 95th percentile in ms, `baseline` that of the floor page (`_pages_urls`): session,
person, fifty rows. The case `empty` holds the floor page itself against an empty view. Case names end with the database.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.log import ROOT, UVICORN, _answers, _free_port, _process, _wait_for, console_environment
from faults.points import NotRun
from faults.postgresql import Cluster

PAGES = {
    "now": "/",
    "services": "/services/",
    "service": "/services/magento/production/",
    "runs": "/runs/",
    "runs-of-one": "/runs/?service=magento&environment=production&state=failed",
    "runs-long-ago": "/runs/?before={middle}",
    "run": "/runs/{run}/",
    "alarms": "/alarms/",
    "deadlines": "/deadlines/",
    "health": "/health/",
    "estate": "/estate/",
    "audit": "/audit/",
    "console": "/console/",
}
FLOOR, EMPTY = "/bench/floor", "/bench/empty"
WARM = 5


def run(*, quick: bool) -> list[dict[str, object]]:
    share, rounds = (0.02, 25) if quick else (1.0, 100)
    rows = _on(None, share, rounds, "sqlite")
    try:
        cluster = Cluster()
    except NotRun as reason:
        print(f"NOT RUN: pages on PostgreSQL. {reason}", file=sys.stderr)
        return rows
    try:
        return rows + _on(cluster.url, share, rounds, "postgresql")
    finally:
        cluster.close()


def _on(database: str | None, share: float, rounds: int, name: str) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        port = _free_port()
        env = console_environment(Path(folder), Path(folder) / "no-valkey", port) | {"DJANGO_SETTINGS_MODULE": "bench._pages_settings"}
        if database:
            env["DATABASE_URL"] = database
        return _served(env, port, _filled(env, share, name), rounds, name)


def _filled(env: dict[str, str], share: float, name: str) -> dict[str, Any]:
    began = time.monotonic()
    argv = [sys.executable, "-m", "bench._pages_filled", str(share)]
    said = subprocess.run(argv, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{name}: filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _served(env: dict[str, str], port: int, filled: dict[str, Any], rounds: int, name: str) -> list[dict[str, object]]:
    with (Path(env["DATA_DIR"]) / "web.log").open("wb") as log:
        argv = [*UVICORN, "opsconsole.asgi:application", "--port", str(port)]
        with _process(argv, env, stdout=log.fileno(), stderr=log.fileno()):
            _wait_for(lambda: _answers(port))
            pages = {page: path.format(run=filled["run"], middle=filled["run"] // 2) for page, path in PAGES.items()}
            taken = _measured(port, filled["cookie"], [*pages.values(), FLOOR, EMPTY], rounds)
    floor = taken[FLOOR]
    rows = [_row(f"{page}-{name}", taken[path], floor) for page, path in pages.items()]
    return [*rows, _row(f"empty-{name}", floor, taken[EMPTY])]


def _measured(port: int, cookie: str, paths: list[str], rounds: int) -> dict[str, float]:
    """The 95th percentile of each, in milliseconds, over one connection that stays open, in turns."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken: dict[str, list[float]] = {path: [] for path in paths}
    for _ in range(rounds + WARM):
        for path in paths:
            began = time.perf_counter()
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            taken[path].append(1000 * (time.perf_counter() - began))
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
    connection.close()
    return {path: statistics.quantiles(each[WARM:], n=20)[-1] for path, each in taken.items()}


def _row(case: str, ours: float, baseline: float) -> dict[str, object]:
    return {"bench": "pages", "case": case, "ours": ours, "baseline": baseline, "unit": "ms", "ratio": ours / baseline, "better": "lower"}
