"""The oracle reads who did what from the journal of a rig, and when its stopped processes were woken."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from faults import oracle
from faults.rig import Rig

RUN, STOPPED, NEXT, KEY = 7, 100, 200, "cron-start:pp-fe-1"


def _entry(t: float, pid: int, what: str, epoch: int, **more: Any) -> dict[str, Any]:
    return {"t": t, "pid": pid, "what": what, "run": RUN, "epoch": epoch, "key": KEY, "said": "", **more}


def _overlaps(folder: Path, *entries: dict[str, Any], stopped_at: str) -> list[str]:
    """Of a process that was stopped at that act from 2.0 to 5.0, and whose act another one did at 4.0."""
    done = [_entry(4.0, NEXT, "do", 12), _entry(4.1, NEXT, "did", 12)]
    lines = sorted((*done, *entries), key=lambda entry: entry["t"])
    (folder / "journal").write_text("".join(json.dumps(line) + "\n" for line in lines))
    marker = folder / f"cut-{'0' * 32}"
    marker.write_text(json.dumps({"pid": STOPPED, "at": 2.0, "act": stopped_at}))
    Path(f"{marker}.go").write_text("5.0")
    return oracle.overlaps(cast(Rig, SimpleNamespace(folder=folder, journal=folder / "journal")), RUN)


def test_who_looked_at_the_lease_before_it_was_stopped_is_in_the_window_that_the_engine_names(tmp_path: Path) -> None:
    late = [_entry(8.0, STOPPED, "looked", 11, asked=1.9), _entry(8.0, STOPPED, "do", 11)]
    assert _overlaps(tmp_path, *late, stopped_at="cron-start:pp-bo") == []


def test_who_looked_after_it_was_woken_should_have_seen_that_the_lease_was_lost(tmp_path: Path) -> None:
    wrong = [_entry(5.1, STOPPED, "looked", 11, asked=5.05), _entry(5.1, STOPPED, "do", 11)]
    for stopped_at in (KEY, "cron-start:pp-bo"):
        assert _overlaps(tmp_path, *wrong, stopped_at=stopped_at) == [f"{KEY} was done under number 11 after 12"]


def test_who_has_not_looked_at_all_is_found(tmp_path: Path) -> None:
    assert _overlaps(tmp_path, _entry(5.1, STOPPED, "do", 11), stopped_at=KEY) == [f"{KEY} was done under number 11 after 12"]


def test_a_look_is_good_for_one_deed(tmp_path: Path) -> None:
    first = [_entry(1.8, STOPPED, "looked", 11, asked=1.7), _entry(1.8, STOPPED, "do", 11), _entry(1.9, STOPPED, "did", 11)]
    again = _entry(5.1, STOPPED, "do", 11)
    assert _overlaps(tmp_path, *first, again, stopped_at="cron-start:pp-bo") == [f"{KEY} was done under number 11 after 12"]
