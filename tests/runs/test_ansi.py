"""Colours of output: kept as names; every other escape is dropped, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import ansi


@pytest.mark.parametrize(
    "line, pieces",
    [
        ("plain", [("plain", "")]),
        ("\x1b[32mok\x1b[0m done", [("ok", "a-green"), (" done", "")]),
        ("\x1b[1;31mbad\x1b[22m less", [("bad", "a-bold a-red"), (" less", "a-red")]),
        ("\x1b[38;5;208morange\x1b[39m", [("orange", "")]),
        ("\x1b[38;2;1;2;3mtrue", [("true", "")]),
        ("\x1b]0;title\x07text", [("text", "")]),
        ("\x1b[2J\x1b[Hcleared", [("cleared", "")]),
        (" 10%\r 66%\r", [(" 66%", "")]),
        ("bell\x07 and\x08 back", [("bell and back", "")]),
        ("cut \x1b", [("cut ", "")]),
    ],
)
def test_pieces(line: str, pieces: list[tuple[str, str]]) -> None:
    assert [(piece.text, piece.classes) for piece in ansi.pieces(line)] == pieces


@given(st.text(alphabet=st.sampled_from("ab <>;[]mHJ0123456789?\x1b\x07\x00\r\t\\P_^X"), max_size=40))
def test_nothing_that_commands_a_terminal_is_left(line: str) -> None:
    text = ansi.plain(line)
    assert not any(ord(letter) < 32 and letter != "\t" for letter in text)
