"""Numbers out of an address, as a database takes them for a key."""

from __future__ import annotations

MOST_DIGITS = 18  # what fits into 64 bits, whatever the digits are


def whole(text: str) -> int | None:
    """A whole number from 0, or nothing."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
