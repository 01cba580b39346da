"""Bytes, as they come from a host, into lines for people: complete lines only, readable, of bearable length."""

from __future__ import annotations

LONGEST_LINE = 16_384  # bytes
CUT = " … [line cut: longer than 16 kB]"


class LineSplitter:
    """Keeps what has no end yet. A line ends at a newline alone, and no character of more than one byte contains one, so that decoding a
    whole line never cuts a character. Of a progress bar that redraws itself (carriage returns), the last state stays."""

    def __init__(self) -> None:
        self._tail = b""
        self._dropping = False  # the rest of a line that was cut

    @property
    def kept(self) -> int:
        """Bytes that came and are in no line yet."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[str]:
        *complete, tail = (self._tail + data).split(b"\n")
        lines = [shown(raw) for raw in complete] if not self._dropping else self._after_cut(complete)
        if len(tail) > LONGEST_LINE and b"\r" in tail:
            tail = tail[tail.rstrip(b"\r").rfind(b"\r") + 1 :]
        if len(tail) > LONGEST_LINE:
            if not self._dropping:
                lines.append(_readable(tail[:LONGEST_LINE]) + CUT)
            self._dropping, tail = True, b""
        self._tail = tail
        return lines

    def _after_cut(self, complete: list[bytes]) -> list[str]:
        if not complete:
            return []
        self._dropping = False
        return [shown(raw) for raw in complete[1:]]

    def close(self) -> list[str]:
        """The last line, if the output ended without a newline."""
        tail, self._tail = self._tail, b""
        return [shown(tail)] if tail and not self._dropping else []


def shown(raw: bytes) -> str:
    """A whole line as a person sees it: the last state of one that redrew itself, and not more of it than is bearable."""
    raw = raw.rstrip(b"\r")
    raw = raw[raw.rfind(b"\r") + 1 :]
    return _readable(raw) if len(raw) <= LONGEST_LINE else _readable(raw[:LONGEST_LINE]) + CUT


def _readable(raw: bytes) -> str:
    """PostgreSQL keeps no NUL, and a browser shows none."""
    return raw.decode("utf-8", "replace").replace("\x00", "\N{SYMBOL FOR NULL}")
