"""The pages of an estate at size, on PostgreSQL: 2,000 hosts and 5,000 other resources; no page may take more than 150 ms at p95.

A case is a page: the 95th percentile of what the server takes for it, beside an empty view behind the same sign-in, in one process, taking
turns. The baseline is that empty view; what is allowed is 0.15 s, whatever the ratio.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from bench._estate import SERVICES, document
from faults.postgresql import Cluster

ROOT = Path(__file__).resolve().parent.parent
HOSTS, RESOURCES = 2000, 5000


def run(*, quick: bool) -> list[dict[str, object]]:
    """Raises NotRun where there is no PostgreSQL."""
    cluster = Cluster()
    try:
        with tempfile.TemporaryDirectory() as folder:
            served = _served(cluster.url, Path(folder), 20 if quick else 100)
    finally:
        cluster.close()
    return [
        {"bench": "estate", "case": page, "ours": ours, "baseline": empty, "unit": "s", "ratio": ours / empty, "better": "lower"}
        for page, (ours, empty) in served.items()
    ]


def _served(database: str, folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    estate = folder / "estate.yaml"
    estate.write_text(yaml.safe_dump(document(ROOT / "estate.yaml", HOSTS // SERVICES), sort_keys=False), encoding="utf-8")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsconsole.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database,
        "ESTATE_FILE": str(estate),
        "SECRET_KEY": "only-for-a-bench-" + "x" * 40,
        "REDIS_URL": f"unix://{folder}/nobody.sock",
        "SECOND_FACTOR": "off",
        "LOG_LEVEL": "ERROR",
    }
    argv = [sys.executable, "-m", "bench._estate_served", str(HOSTS), str(RESOURCES), str(rounds)]
    done = subprocess.run(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, tuple[float, float]] = json.loads(done.stdout)
    return found
