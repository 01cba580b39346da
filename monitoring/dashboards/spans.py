"""Time spans: the last so many hours, or from one time to another; and how fine figures are over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR, DAY = 3600, 86_400
# key -> words, seconds, seconds between two readings
RELATIVE: Mapping[str, tuple[str, int, float]] = {
    "1h": ("1 h", HOUR, 60),
    "3h": ("3 h", 3 * HOUR, 60),
    "12h": ("12 h", 12 * HOUR, 60),
    "1d": ("1 d", DAY, 60),
    "3d": ("3 d", 3 * DAY, 300),
    "2w": ("2 weeks", 14 * DAY, 900),
    "3mo": ("3 months", 90 * DAY, 3600),
}
USUAL = "12h"
KEPT = 455 * DAY  # CloudWatch forgets after that
SETTLED = timedelta(minutes=10)  # after that nothing is added to a time that is over
# Points finer than a minute are kept for three hours, of a minute for 15 days, of five minutes for 63.
_KEPT = ((15 * DAY, 300), (63 * DAY, 3600))
PERIODS = (60, 300, 900, 3600, 6 * HOUR, DAY)
MOST_POINTS = 100_800  # of one call of GetMetricData
MOST_OF_A_LINE = 1_440
_ABSOLUTE = re.compile(r"(\d{9,11})-(\d{9,11})\Z")


class BadSpan(ValueError):
    """The text says what is wrong, and what is right."""


@dataclass(frozen=True, slots=True)
class Span:
    """`key` is its text in addresses. Of an absolute one `start` and `end` are given, of a relative one `seconds` counts back from now."""

    key: str
    seconds: int
    every: float  # seconds between two readings
    end: datetime | None = None

    @property
    def is_absolute(self) -> bool:
        return self.end is not None

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """From whole minute to whole minute."""
        end = min(self.end or now, now)
        end = end.replace(second=0, microsecond=0) + (timedelta(minutes=1) if end.second or end.microsecond else timedelta())
        return end - timedelta(seconds=self.seconds), end

    def is_settled(self, at: datetime) -> bool:
        """Read once then, it will never be another."""
        return self.end is not None and self.end < at - SETTLED


def span_of(text: str) -> Span:
    """Raises BadSpan."""
    text = text or USUAL
    if text in RELATIVE:
        _, seconds, every = RELATIVE[text]
        return Span(text, seconds, every)
    found = _ABSOLUTE.match(text)
    if not found:
        raise BadSpan(
            f"“{text[:40]}” is no time span. There is {', '.join(RELATIVE)}, or two times in seconds, as in 1764000000-1764043200."
        )
    start, end = (int(each) // 60 * 60 for each in found.groups())
    if not 60 <= end - start <= KEPT:
        raise BadSpan("The span has to end after it begins, by a minute at least; CloudWatch keeps 455 days.")
    return Span(f"{start}-{end}", end - start, 60, datetime.fromtimestamp(end, UTC))


def least_period(seconds: float, age: float, lines: int) -> int:
    """How fine so many lines may be over so many seconds, the oldest `age` seconds old: what CloudWatch still has, in one call."""
    most = max(1, min(MOST_OF_A_LINE, MOST_POINTS // max(lines, 1)))
    kept = max((least for older, least in _KEPT if age > older), default=PERIODS[0])
    return next((period for period in PERIODS if period >= kept and seconds / period <= most), PERIODS[-1])
