"""Bytes into lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import lines
from runs.lines import CUT, LONGEST_LINE, LineSplitter


def split(*pieces: bytes) -> list[str]:
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.close()


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo"], ["one", "two"]),
        ([b"\n\n"], ["", ""]),
        ([b"windows\r\n"], ["windows"]),
        ([b" 10%\r 50%\r100%\n"], ["100%"]),
        ([b" 10%\r", b" 50%\r", b"100%", b"\n"], ["100%"]),
        (["größer →\n".encode()[:4], "größer →\n".encode()[4:]], ["größer →"]),
        ([b"caf\xe9\n"], ["caf\N{REPLACEMENT CHARACTER}"]),
        ([b"a\x00b\n"], ["a\N{SYMBOL FOR NULL}b"]),
        ([b"x" * (LONGEST_LINE + 5) + b"\nnext\n"], ["x" * LONGEST_LINE + CUT, "next"]),
        ([b"x" * (LONGEST_LINE - 1), b"y" * 100_000, b"z" * 100_000, b"z\nnext\n"], ["x" * (LONGEST_LINE - 1) + "y" + CUT, "next"]),
    ],
)
def test_lines(pieces: list[bytes], found: list[str]) -> None:
    assert split(*pieces) == found


@given(st.text(alphabet="aé→🚀\n ", max_size=60), st.lists(st.integers(0, 200), max_size=8))
def test_where_the_bytes_are_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert split(*pieces) == split(data)
    assert "\n".join(split(data)) == text.removesuffix("\n") or not text.strip("\n")


@pytest.mark.parametrize("longest", [LONGEST_LINE, 4])
@given(st.text(alphabet="aaé\r\n", min_size=10, max_size=60), st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_whoever_reads_on_behind_the_last_line_finds_the_same_lines(longest: int, text: str, cuts: list[int]) -> None:
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "LONGEST_LINE", longest)
        places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        assert split(*(data[start:end] for start, end in pairwise(places))) == split(data)
        found, behind = list[str](), 0
        for cut in places:
            splitter = LineSplitter()
            found += splitter.feed(data[behind:cut])
            behind = cut - splitter.kept
        assert found + split(data[behind:]) == split(data)


def test_what_has_no_end_yet_is_counted() -> None:
    splitter = LineSplitter()
    splitter.feed("fertig\nhalb é".encode())
    assert splitter.kept == len("halb é".encode())
    for _ in range(3):
        splitter.feed(b"x" * LONGEST_LINE)
    assert splitter.kept == len("halb é".encode()) + 3 * LONGEST_LINE
    splitter.feed(b"\n")
    assert splitter.kept == 0


def test_of_an_endless_line_no_more_is_kept_than_is_shown() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed(b"x" * 30_000 + b"\r") == []
        assert len(splitter._tail) <= LONGEST_LINE + 2
    assert splitter.close() == ["x" * LONGEST_LINE + CUT]
