"""Bytes, as they come from a host, into lines for people: complete lines only, readable, of bearable length."""

from __future__ import annotations

LONGEST_LINE = 16_384  # bytes
CUT = " … [line cut: longer than 16 kB]"


class LineSplitter:
    """Keeps what has no end yet. A line ends at a newline alone, and no character of more than one byte contains one, so that decoding a
    whole line never cuts a character. Of a progress bar that redraws itself (carriage returns), the last state stays.

    An over-long line comes when it ends, like any other: whoever reads on behind the last line would take the rest of it for a line.
    """

    def __init__(self) -> None:
        self._tail = b""
        self._dropped = 0  # bytes of its line that nobody will see

    @property
    def kept(self) -> int:
        """Bytes that came and are in no line yet."""
        return len(self._tail) + self._dropped

    def feed(self, data: bytes) -> list[str]:
        *complete, self._tail = (self._tail + data).split(b"\n")
        if complete:
            self._dropped = 0
        if len(self._tail) > LONGEST_LINE:
            self._shorten()
        return [shown(raw) for raw in complete]

    def _shorten(self) -> None:
        """To as much as makes the same line in the end, whatever follows."""
        said = self._tail.rstrip(b"\r")
        if redrawn := said.rfind(b"\r") + 1:
            self._dropped = 0
        kept = said[redrawn:][: LONGEST_LINE + 1] + self._tail[len(said) :][:1]
        self._dropped += len(self._tail) - redrawn - len(kept)
        self._tail = kept

    def close(self) -> list[str]:
        """The last line, if the output ended without a newline."""
        tail, self._tail, self._dropped = self._tail, b"", 0
        return [shown(tail)] if tail else []


def shown(raw: bytes) -> str:
    """A whole line as a person sees it: the last state of one that redrew itself, and not more of it than is bearable."""
    raw = raw.rstrip(b"\r")
    raw = raw[raw.rfind(b"\r") + 1 :]
    return _readable(raw) if len(raw) <= LONGEST_LINE else _readable(raw[:LONGEST_LINE]) + CUT


def _readable(raw: bytes) -> str:
    """PostgreSQL keeps no NUL, and a browser shows none."""
    return raw.decode("utf-8", "replace").replace("\x00", "\N{SYMBOL FOR NULL}")
