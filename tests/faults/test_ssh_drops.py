"""A strike at a line counts where it hit one, and where the command behind it had not ended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from faults import p07_ssh_drops, small_plans, timing
from faults.p07_ssh_drops import LINES
from faults.points import NotRun, Verdict


class Line:
    """A proxy with so many connections."""

    mode, connections = "pass", 0

    def __init__(self, open_connections: int) -> None:
        self.open_connections = open_connections
        self.told: list[int | None] = []

    def reset(self) -> int:
        return self.open_connections

    def cut_after(self, count: int | None) -> None:
        self.told.append(count)

    def has_cut(self) -> bool:
        return self.open_connections > 0


def _played(monkeypatch: pytest.MonkeyPatch, folder: Path, line: Line, fault: str, *, state: str = "running", times: int = 1) -> Verdict:
    """A command that ran so often, and whose run was in that state when its line was struck."""

    def command(rig: Any, host: str, ip: str, argv: tuple[str, ...]) -> dict[str, Any]:
        Path(argv[2].partition(">> ")[2].partition(";")[0]).write_text("x\n" * times)
        return {}

    monkeypatch.setattr(small_plans, "command", command)
    monkeypatch.setattr(small_plans, "started", lambda *_: 1)
    monkeypatch.setattr(p07_ssh_drops, "until", lambda *_, **__: None)
    monkeypatch.setattr(timing, "LEASE", 0.01)
    rig = SimpleNamespace(
        folder=folder,
        journal=folder / "journal",
        proxies={"fe-1": line},
        nursery=SimpleNamespace(kill=lambda *_: None),
        fork=lambda role: 1,
        act=lambda *_: "",
        run=lambda number: {"state": state},
        finished=lambda number, seconds: {"state": "succeeded", "said": ""},
        log=lambda number: [{"text": f"line {each}"} for each in range(1, LINES + 1)],
    )
    return p07_ssh_drops.run(cast(Any, rig), f"sandbox:chatty:{fault}:0")


@pytest.mark.parametrize("fault", p07_ssh_drops.FAULTS)
def test_a_strike_that_hit_a_line_is_a_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    line = Line(1)
    assert _played(monkeypatch, tmp_path, line, fault).violations == []
    assert (line.mode, line.told[-1]) == ("pass", None)  # nothing of it is left to the next point


@pytest.mark.parametrize("fault", p07_ssh_drops.FAULTS)
def test_a_strike_that_hit_nothing_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    with pytest.raises(NotRun):
        _played(monkeypatch, tmp_path, Line(0), fault)
    with pytest.raises(NotRun):
        _played(monkeypatch, tmp_path, Line(1), fault, state="succeeded")
    assert _played(monkeypatch, tmp_path, Line(0), fault, times=2).violations == ["the command ran 2 times"]
