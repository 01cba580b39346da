"""A run, worked on by the engine until it has ended, or waits for somebody."""

from __future__ import annotations

import time

from runs.engine import tick
from runs.models import Run

LONG = 120.0  # seconds: a guard against hangs


def through(run: Run) -> Run:
    end = time.monotonic() + LONG
    while True:
        tick(run.number)
        run.refresh_from_db()
        if run.state not in (Run.State.QUEUED, Run.State.RUNNING):
            return run
        assert time.monotonic() < end, run.said
