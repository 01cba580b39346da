"""The colours of a line of output. `static/js/ansi.js` reads them the same way in the browser.

Only SGR (colour, bold, dim, inverse) is kept, as class names; every other escape sequence and control character is dropped, and of what was
overwritten with a carriage return the last state remains. The text is never markup: whoever shows it escapes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]*)m"  # select graphic rendition
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system command: titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # device strings
    r"|\x1b[ -/]*[0-~]?"  # two-character sequences, and an escape at the end
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_COLOURS = {
    "30": "dim", "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "mag", "36": "cyan", "37": "",
    "90": "dim", "91": "red", "92": "green", "93": "yellow", "94": "blue", "95": "mag", "96": "cyan", "97": "",
}  # fmt: skip
_STYLES = {"1": "bold", "2": "dim", "7": "inv"}
_STYLES_OFF = {"22": ("bold", "dim"), "27": ("inv",)}


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    classes: str  # "a-red a-bold", or ""


def pieces(line: str) -> list[Piece]:
    line = line.rstrip("\r").rpartition("\r")[2]
    found: list[Piece] = []
    colour, styles, position = "", set[str](), 0
    for match in _SEQUENCE.finditer(line):
        _keep(found, line[position : match.start()], colour, styles)
        position = match.end()
        if match["sgr"] is not None:
            colour, styles = _apply(match["sgr"], colour, styles)
    _keep(found, line[position:], colour, styles)
    return found


def plain(line: str) -> str:
    return "".join(piece.text for piece in pieces(line))


def plain_text(text: str) -> str:
    """Of several lines: what a carriage return overwrites is its own line alone."""
    return "\n".join(map(plain, text.split("\n")))


def _keep(found: list[Piece], text: str, colour: str, styles: set[str]) -> None:
    text = _CONTROL.sub("", text)
    if text:
        classes = sorted(styles) + ([colour] if colour else [])
        found.append(Piece(text, " ".join(f"a-{name}" for name in classes)))


def _apply(parameters: str, colour: str, styles: set[str]) -> tuple[str, set[str]]:
    codes = iter((parameters or "0").split(";"))
    styles = set(styles)
    for code in codes:
        code = code.lstrip("0") or "0"
        if code == "0":
            colour, styles = "", set()
        elif code in ("38", "48"):  # 256 or true colours: theirs, not ours; skip their parameters
            for _ in range({"5": 1, "2": 3}.get(next(codes, ""), 0)):
                next(codes, "")
        elif code == "39":
            colour = ""
        elif code in _COLOURS:
            colour = _COLOURS[code]
        elif code in _STYLES:
            styles.add(_STYLES[code])
        elif code in _STYLES_OFF:
            styles.difference_update(_STYLES_OFF[code])
    return colour, styles
