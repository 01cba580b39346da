"""`python -m tests.on_postgresql [PATH …]`: the tests once more, on a PostgreSQL that is started for them, and on a Redis server where one is.

Without arguments: those that speak with the database most. What this machine has not is said in words, and is not a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from faults.points import NotRun
from faults.postgresql import Cluster

ROOT = Path(__file__).resolve().parent.parent
USUAL = ("tests/runs", "tests/people", "tests/estate", "tests/opsconsole")


def main(paths: Sequence[str]) -> int:
    try:
        cluster = Cluster()
    except NotRun as reason:
        print(f"NOT RUN: the tests on PostgreSQL. {reason}", flush=True)
        return 0
    redis = shutil.which("redis-server") or ""
    print(f"On PostgreSQL, and {redis or 'the embedded Valkey: there is no redis-server here'}:", flush=True)
    env = {**os.environ, "DATABASE_URL": cluster.url, "REDIS_SERVER": redis}
    argv = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q", "-m", "not browser"]
    try:
        return subprocess.run([*argv, *(paths or USUAL)], cwd=ROOT, env=env, check=False).returncode
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
