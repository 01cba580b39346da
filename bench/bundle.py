"""The bundle, beside the way it was made before: a script that clones both repositories, edits, merges, removes `.git`, and runs `zip -r`.

Cases: `cold` (no earlier archive; the mirror is up to date), `incremental` (after a commit of 50 files: a fresh process, with its start and
the fetch), `incremental-warm` (the same in a process that has built before), `size` of the archive, `memory` (the peak of the process and
its git processes together, against the 300 MB that it may take). Both ways run on one disk, in turns; the best of each counts.
The smaller applications have a bench of their own, `bundle-small`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench._bundle_once import fetch_and_build, mirrors
from bench._magento_tree import ENVIRONMENT, Shop, make_shop, publish

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".cache" / "bench"
MEMORY_LIMIT = 300.0  # MB
RUNDECKS_WAY = """
set -e
git clone -q --branch master "file://$1" code
git clone -q --branch master "file://$2" config
if [ -z "$3" ]; then
for file in code/.user.ini code/pub/.user.ini; do
  sed -i -e 's/^memory_limit *=.*/memory_limit = 2G/' -e 's/^max_execution_time *=.*/max_execution_time = 18000/' "$file"
done
for file in code/.htaccess code/pub/.htaccess; do
  sed -i '1i RedirectMatch 301 ^/ancien$ /nouveau' "$file"
done
fi
cp -a "config/$3/." code/
rm -rf code/.git
cd code
zip -q -r ../bundle.zip .
"""


def run(*, quick: bool) -> list[dict[str, object]]:
    """The rows of this bench. `quick` takes small trees and one round: enough to see that it works, not to judge."""
    return measured(make_shop(WORK, 4_000 if quick else 75_000), rounds=1 if quick else 3)


def measured(shop: Shop, *, rounds: int) -> list[dict[str, object]]:
    work = WORK / f"bundle-{shop.files}-{shop.directory}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        rows = _measure(shop, work, rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [row | {"case": f"{shop.directory} {row['case']}"} for row in rows] if shop.directory else rows


def _measure(shop: Shop, work: Path, rounds: int) -> list[dict[str, object]]:
    commits = iter(shop.commits)
    publish(shop, next(commits))
    mirror = work / "mirrors"
    _once(shop, mirror, work / "first")  # the mirrors are made

    before, cold, baseline_size, size = [], [], 0, 0
    for number in range(rounds):
        seconds, baseline_size = _rundecks_way(shop, work / "rundeck")
        before.append(seconds)
        seconds, facts = _timed(lambda store=work / f"cold-{number}": _once(shop, mirror, store))  # type: ignore[misc]
        _expect(facts, renewed=False)
        cold.append(seconds)
        size = int(str(facts["size"]))

    store = work / "cold-0"
    fresh = []
    for _ in range(2 * rounds):
        publish(shop, next(commits))
        seconds, facts = _timed(lambda: _once(shop, mirror, store))
        _expect(facts, renewed=True)
        fresh.append(seconds)

    pair = mirrors(mirror, str(shop.magento), str(shop.config))
    warm = []
    for _ in range(2 * rounds + 1):
        publish(shop, next(commits))
        seconds, facts = _timed(lambda: fetch_and_build(*pair, store, shop.directory))
        _expect(facts, renewed=True)
        warm.append(seconds)

    anew = _once(shop, mirror, work / "anew")
    if anew["sha256"] != facts["sha256"]:
        raise RuntimeError("a renewed archive differs from the one packed anew")
    shutil.rmtree(work / "anew")
    memory = _peak_memory(shop, mirror, work / "anew")
    return [
        _row("cold", min(cold), min(before), "s"),
        _row("incremental", min(fresh), min(before), "s"),
        _row("incremental-warm", min(warm[1:]), min(before), "s"),
        _row("size", size / 1e6, baseline_size / 1e6, "MB"),
        _row("memory", memory, MEMORY_LIMIT, "MB"),
    ]


def _row(case: str, ours: float, baseline: float, unit: str) -> dict[str, object]:
    return {
        "bench": "bundle",
        "case": case,
        "ours": round(ours, 4),
        "baseline": round(baseline, 4),
        "unit": unit,
        "ratio": ours / baseline,
        "better": "lower",
    }


def _expect(facts: dict[str, object], *, renewed: bool) -> None:
    if facts["renewed"] is not renewed or facts["clean"] is not True:
        raise RuntimeError(f"the build did not do what is measured here: {facts}")


def _timed(work: Callable[[], dict[str, object]]) -> tuple[float, dict[str, object]]:
    os.sync()  # nothing of the round before waits for the disk
    began = time.perf_counter()
    facts = work()
    return time.perf_counter() - began, facts


def _rundecks_way(shop: Shop, folder: Path) -> tuple[float, int]:
    """Seconds, and the size of the zip. The folder is emptied outside the time."""
    if shutil.which("zip") is None:
        raise RuntimeError("the baseline needs zip: install the package zip")
    folder.mkdir()
    os.sync()
    began = time.perf_counter()
    subprocess.run(
        ["bash", "-c", RUNDECKS_WAY, "rundeck", shop.magento, shop.config, shop.directory], cwd=folder, env=ENVIRONMENT, check=True
    )
    seconds = time.perf_counter() - began
    size = (folder / "bundle.zip").stat().st_size
    shutil.rmtree(folder)
    return seconds, size


def _command(shop: Shop, mirror: Path, store: Path) -> list[str]:
    return [sys.executable, "-m", "bench._bundle_once", str(mirror), str(store), str(shop.magento), str(shop.config), shop.directory]


def _once(shop: Shop, mirror: Path, store: Path) -> dict[str, object]:
    done = subprocess.run(_command(shop, mirror, store), cwd=ROOT, check=True, capture_output=True)
    facts: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return facts


def _peak_memory(shop: Shop, mirror: Path, store: Path) -> float:
    """MB, of the process and its children together; what they share counts once (PSS)."""
    with subprocess.Popen(_command(shop, mirror, store), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_memory_of, _family(process.pid))))
            time.sleep(0.02)
    if process.returncode:
        raise RuntimeError("the build that was to be weighed failed")
    return peak


def _family(pid: int) -> list[int]:
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(one for child in children for one in _family(child))]


def _memory_of(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
