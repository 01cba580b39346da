"""`./console test --postgresql [PATH …]`: the tests once more, on a PostgreSQL that is started for them, and a Redis server where one is.

Without paths: all that speak with the database of the settings. What this machine has not is said in words, and is not a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from door.checks import run_tests
from faults.points import NotRun
from faults.postgresql import Cluster

NO_DATABASE_OF_OURS = ("tests/journeys", "tests/faults", "tests/sandbox")  # a demo's, a rig's (P4 and P9 are on both), none


def test_on_postgresql(arguments: Sequence[str]) -> int:
    try:
        cluster = Cluster()
    except NotRun as reason:
        print(f"NOT RUN: the tests on PostgreSQL. {reason}", flush=True)
        return 0
    redis = shutil.which("redis-server") or ""
    print(f"On PostgreSQL, and {redis or 'the embedded Valkey: there is no redis-server here'}:", flush=True)
    env = {**os.environ, "DATABASE_URL": cluster.url, "REDIS_SERVER": redis}
    elsewhere = [f"--ignore={folder}" for folder in NO_DATABASE_OF_OURS]
    named = any(not argument.startswith("-") for argument in arguments)
    try:
        return run_tests([*arguments, *([] if named else elsewhere)], env, journeys=False, again=not named)
    finally:
        cluster.close()
