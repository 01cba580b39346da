"""Any page of a million transitions, beside the newest page of the same history: found by its key, each costs the same.

On the database that DATABASE_URL names (a test database of its own is made there and removed); SQLite in a temporary folder without it.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

ALARMS = 6
AT_ONCE = 10_000


def run(*, quick: bool) -> list[dict[str, object]]:
    count, looks = (20_000, 20) if quick else (1_000_000, 200)
    with tempfile.TemporaryDirectory(prefix="bench-alarms-") as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{Path(folder) / 'bench.sqlite3'}")
        os.environ.setdefault("SECRET_KEY", "only-measured-" * 4)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")
        import django  # noqa: PLC0415

        django.setup()
        from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

        made = setup_databases(verbosity=0, interactive=False)
        try:
            ours, baseline = _measure(count, looks)
        finally:
            teardown_databases(made, verbosity=0)
    row = {"bench": "alarm-history", "case": f"p95-of-{count}", "ours": ours, "baseline": baseline, "unit": "ms"}
    return [row | {"ratio": ours / baseline, "better": "lower"}]


def _measure(count: int, looks: int) -> tuple[float, float]:
    """The 95th percentiles, in milliseconds, of pages anywhere and of the newest."""
    from monitoring.alarms import history  # noqa: PLC0415
    from monitoring.alarms.models import Transition  # noqa: PLC0415

    begin = datetime(2020, 1, 1, tzinfo=UTC)
    rows = (
        Transition(
            alarm=f"alarm {number % ALARMS}",
            at=begin + timedelta(seconds=90 * number),
            kind=Transition.Kind.STATE,
            old="OK",
            new="ALARM" if number % 2 else "OK",
            summary="Alarm updated",
            reason="Threshold Crossed: 3 out of the last 3 datapoints were greater than the threshold (70.0).",
        )
        for number in range(count)
    )
    Transition.objects.bulk_create(rows, batch_size=AT_ONCE)
    chance = random.Random(1)
    ends = [begin + timedelta(seconds=90 * chance.randrange(count)) for _ in range(looks)]
    cursors = [f"{round(end.timestamp() * 1_000_000)}-{count + 1}" for end in ends]
    names = [f"alarm {chance.randrange(ALARMS)}" for _ in range(looks)]
    anywhere = [_timed(lambda n=name, c=cursor: history.page(n, cursor=c)) for name, cursor in zip(names, cursors, strict=True)]
    newest = [_timed(lambda n=name: history.page(n)) for name in names]
    return _p95(anywhere), _p95(newest)


def _timed(look: Callable[[], object]) -> float:
    began = time.perf_counter()
    look()
    return 1000 * (time.perf_counter() - began)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
