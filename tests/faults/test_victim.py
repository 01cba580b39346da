"""How a point kills: of a killed worker's tick the kernel takes care, or it is found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import victim
from runs import worker


def _strike(marker: Path, follow: Callable[[int], None]) -> None:
    """In a tick whose worker dies of it: both are forks, and nobody but the kernel ends the tick."""
    pid = os.fork()
    if not pid:
        parent = os.getpid()
        if not os.fork():
            follow(parent)
            victim.Cut("act", "after-effect", str(marker), "kill-worker").strike("act", "after-effect")
            os._exit(1)
        time.sleep(60)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9


@pytest.fixture
def orphaned(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(victim, "ORPHANED", 0.5)
    return 1.5


def test_a_tick_that_follows_its_worker_is_no_orphan(tmp_path: Path, orphaned: float) -> None:
    _strike(tmp_path / "cut", worker._die_with)
    time.sleep(orphaned)
    assert (tmp_path / "cut").exists()
    assert not (tmp_path / "cut.orphan").exists()


def test_a_tick_that_outlives_its_worker_is_found(tmp_path: Path, orphaned: float) -> None:
    _strike(tmp_path / "cut", lambda parent: None)
    end = time.monotonic() + 20
    while not (tmp_path / "cut.orphan").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert (tmp_path / "cut.orphan").exists()
