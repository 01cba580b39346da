"""What the console's processes did to the world, as they wrote it down themselves (`faults.victim`), and the words for cut points."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

POINTS = ("before-intent", "after-intent", "after-effect", "after-answer", "after-record")


def now() -> float:
    """The clock that all processes of this machine share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def deeds(journal: Path, run: int) -> Iterator[dict[str, Any]]:
    """Without what is only said, or only keeps a lease: it shows that somebody lives, not that somebody goes on."""
    return (entry for entry in read(journal, run) if entry["what"] not in ("looked", "renewed", "released", "told", "spooled"))


def read(journal: Path, run: int) -> Iterator[dict[str, Any]]:
    """What the journal has of a run, in its order."""
    if journal.exists():
        mine = f'"run": {run},'
        for line in journal.read_text().splitlines():
            if mine in line:  # a rig plays hundreds of runs
                yield json.loads(line)
