"""The oracle reads who did what from the journal of a rig, and when its stopped processes were woken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from faults import oracle, timing
from faults.processes import NotThere
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


def _judged(
    monkeypatch: pytest.MonkeyPatch, state: str, *, restless: bool = True, deeds: int = 2, steps: Sequence[dict[str, Any]] = ()
) -> str:
    """What is said of a run in that state which made two updates where one was wanted, and beside which somebody else worked."""
    update, folder = "UpdateEnvironment on back", cast(Any, SimpleNamespace())
    unsettled = NotThere("the box to come to rest: not within 20 seconds")
    monkeypatch.setattr(oracle, "settle", lambda rig, plan: (_ for _ in ()).throw(unsettled) if restless else None)
    monkeypatch.setattr(oracle, "world_now", lambda *_: oracle.World({}, {}, stored=True, deeds=Counter({update: deeds})))
    monkeypatch.setattr(oracle, "overlaps", lambda *_: ["done by two processes at once"] if deeds > 1 else [])
    monkeypatch.setattr(oracle, "shown", lambda *_: [])
    rig = SimpleNamespace(
        log=lambda number: [{"seq": 1, "host": "console", "text": "a"}, {"seq": deeds + 1, "host": "console", "text": "b"}]
    )
    run = {"id": RUN, "state": state, "said": "so", "steps": steps}
    reference = oracle.World({}, {}, stored=True, deeds=Counter({update: 1}))
    return "; ".join(oracle.judge(cast(Any, rig), {"facts": {"hosts": []}}, run, folder, reference))


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "unknown", "waiting"])
def test_hosts_that_do_not_settle_excuse_nothing(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    said = _judged(monkeypatch, state)
    for words in ("twice: UpdateEnvironment on back (2 times)", "done by two processes at once", "the log's numbers are not 1 … 2"):
        assert words in said
    assert ("the run says" in said) == (state in ("failed", "cancelled"))
    assert ("the hosts do not answer visitors" in said) == (state == "succeeded")


def test_what_settled_and_was_done_once_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _judged(monkeypatch, "succeeded", restless=False, deeds=1) == ""
    assert _judged(monkeypatch, "unknown", deeds=1) == ""
    assert _judged(monkeypatch, "failed", deeds=1) == "the run says failed: so"


def test_no_step_ends_before_it_began_whatever_became_of_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = "2026-01-01T10:00:00+00:00", "2026-01-01T10:00:05+00:00"
    right, wrong = ({"key": "gates", "started": start, "ended": end} for start, end in ((early, late), (late, early)))
    assert _judged(monkeypatch, "unknown", deeds=1, steps=[right]) == ""
    assert _judged(monkeypatch, "unknown", deeds=1, steps=[wrong]) == "gates ended before it began"


def _log_judged(monkeypatch: pytest.MonkeyPatch, state: str, kept: Sequence[str], wrote: Sequence[str]) -> str:
    monkeypatch.setattr(oracle, "_outputs", lambda *_: [list(wrote)])
    rig = SimpleNamespace(log=lambda number: [{"seq": at, "host": "fe-1", "text": text} for at, text in enumerate(kept, 1)])
    return "; ".join(oracle.log_is_whole(cast(Any, rig), {"facts": {"hosts": [{"name": "fe-1"}]}}, {"id": RUN, "state": state}))


def test_who_does_not_know_may_not_have_read_all_but_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lost 1 lines" in _log_judged(monkeypatch, "succeeded", ["a"], ["a", "b"])
    assert _log_judged(monkeypatch, "unknown", ["a"], ["a", "b"]) == ""
    assert "has 1 too many" in _log_judged(monkeypatch, "unknown", ["a", "a"], ["a", "b"])
    assert _log_judged(monkeypatch, "failed", ["copied"], ["a", "b"]) == ""


def _told(t: float, *lines: str, what: str = "told", epoch: int = 11) -> dict[str, Any]:
    return {"t": t, "pid": STOPPED, "what": what, "run": RUN, "epoch": epoch, "host": "console", "lines": list(lines)}


def _own_lines(folder: Path, kept: Sequence[str], *entries: dict[str, Any]) -> str:
    (folder / "journal").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    lines = [{"seq": at, "host": "console", "text": text} for at, text in enumerate(kept, 1)]
    rig = SimpleNamespace(folder=folder, journal=folder / "journal", log=lambda number: lines)
    return "; ".join(oracle.own_lines(cast(Rig, rig), RUN))


def test_what_the_console_said_itself_is_in_the_log(tmp_path: Path) -> None:
    said = (_told(1.0, "$ git ls-remote", "main"), _told(2.0, "main"))
    assert _own_lines(tmp_path, ["$ git ls-remote", "main", "main"], *said) == ""
    assert "1 are lost: [('console', '$ git ls-remote')]" in _own_lines(tmp_path, ["main", "main"], *said)
    assert "1 are lost: [('console', 'main')]" in _own_lines(tmp_path, ["$ git ls-remote", "main"], *said)


def test_a_line_stands_there_once_more_only_where_it_went_to_the_spool(tmp_path: Path) -> None:
    said = _told(1.0, "main")
    assert "1 are there too often" in _own_lines(tmp_path, ["main", "main"], said)
    assert _own_lines(tmp_path, ["main", "main"], said, _told(1.1, "main", what="spooled")) == ""
    assert "1 are there too often" in _own_lines(tmp_path, ["main"] * 3, said, _told(1.1, "main", what="spooled"))


def test_what_is_said_by_who_was_overtaken_is_not_the_runs(tmp_path: Path) -> None:
    claimed = _entry(2.0, NEXT, "claim", 12)
    assert _own_lines(tmp_path, [], claimed, _told(3.0, "main", epoch=11)) == ""
    assert "1 are lost" in _own_lines(tmp_path, [], _told(1.0, "main", epoch=11), claimed)


def _stolen(folder: Path, *entries: dict[str, Any]) -> list[str]:
    (folder / "journal").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return oracle.stolen(cast(Rig, SimpleNamespace(journal=folder / "journal")), RUN)


def test_a_lease_is_claimed_when_it_is_over_or_given_back(tmp_path: Path) -> None:
    held = (_entry(1.0, STOPPED, "claim", 11, asked=1.0), _entry(5.0, STOPPED, "renewed", 11, asked=5.0))
    over = 5.0 + timing.LEASE
    assert _stolen(tmp_path, *held, _entry(over + 0.1, NEXT, "claim", 12, asked=over)) == []
    early = _entry(over - 0.5, NEXT, "claim", 12, asked=over - 0.6)
    assert _stolen(tmp_path, *held, early) == ["number 12 was claimed 0.5 s before the lease of 11 was over"]
    assert _stolen(tmp_path, *held, _entry(5.1, STOPPED, "released", 11), early) == []
