"""A viewer counts the lines that it got, not the numbers that stand above them."""

from __future__ import annotations

from typing import Any

from faults import p05_live_log
from faults.p05_live_log import LINE, LINES, Viewer


def _frame(first: int, last: int, *chunks: tuple[int, int], host: str = "fe-1") -> dict[str, Any]:
    told = [{"host": host, "first": a, "text": "\n".join(LINE.format(each - 1) for each in range(a, b + 1))} for a, b in chunks]
    return {"kind": "lines", "first": first, "last": last, "chunks": told}


def _said(*frames: dict[str, Any]) -> str:
    viewer = Viewer()
    for frame in frames:
        viewer.take(frame)
    return "; ".join(p05_live_log._judge([viewer]))


def test_every_line_is_there_however_it_came() -> None:
    assert _said(_frame(1, LINES, (1, LINES))) == ""
    assert _said({"kind": "state"}, _frame(1, 300, (1, 100), (101, 300)), _frame(301, LINES, (301, LINES))) == ""


def test_a_frame_without_its_lines_has_lost_them() -> None:
    assert f"{LINES} lines did not reach 1 of 1 viewers" in _said(_frame(1, LINES))
    assert "100 lines did not reach" in _said(_frame(1, LINES, (1, LINES - 100)))
    assert "100 lines did not reach" in _said(_frame(1, LINES, (1, 200), (301, LINES)))


def test_a_line_may_come_once_in_its_order_and_as_it_was_written() -> None:
    assert "100 lines reached a viewer twice" in _said(_frame(1, LINES, (1, 300), (201, LINES)))
    assert "out of their order" in _said(_frame(1, LINES, (301, LINES), (1, 300)))
    other = _frame(1, LINES, (1, LINES))
    other["chunks"][0]["text"] = other["chunks"][0]["text"].replace(LINE.format(7), "something else")
    assert "1 lines are not what was written" in _said(other)
