"""The month before the start: what CloudWatch would have kept, computed when it is asked for.

Lives here: quiet nights, busy evenings, releases and a few incidents, all from the seed. Nothing is stored: a figure is a function of its
minute, so the month costs nothing at the start and is the same each time it is read.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = 60.0
KEPT = timedelta(days=31)
ROLLED_UP = 300.0  # seconds between two looks where the period is an hour or more

Of = Callable[[float], float | None]
"""The figure of the minute that begins then; None is a gap."""

_NOISE = 4096


@dataclass(frozen=True, slots=True)
class Incident:
    """For these minutes the figure was this one, give or take a little."""

    began: float
    ended: float
    value: float
    wobble: float = 0.0


class Past:
    def __init__(self, seed: int, start: datetime) -> None:
        self.end = math.floor(start.timestamp() / MINUTE) * MINUTE
        self.begin = self.end - KEPT.total_seconds()
        noise = random.Random(f"{seed}:past")
        self._noise = [noise.random() for _ in range(_NOISE)]

    def figure(self, name: str, quiet: Callable[[float, float], float | None], incidents: Iterable[Incident] = ()) -> Of:
        """`quiet` makes the figure of how busy the shop is, and of chance, both from 0 to 1."""
        shift, noise, happened = zlib.crc32(name.encode()), self._noise, tuple(incidents)

        def of(minute: float) -> float | None:
            chance = noise[(int(minute // MINUTE) * 2654435761 + shift) % _NOISE]
            for incident in happened:
                if incident.began <= minute < incident.ended:
                    return round(incident.value + (chance - 0.5) * incident.wobble, 2)
            return quiet(busyness(minute), chance)

        return of

    def ago(self, days: int, at: str, minutes: int, value: float, wobble: float = 0.0) -> Incident:
        """So many days before the start, at that time (UTC), for so many minutes."""
        hour, _, minute = at.partition(":")
        midnight = (self.end // 86400 - days) * 86400
        began = midnight + int(hour) * 3600 + int(minute) * 60
        return Incident(began, began + minutes * MINUTE, value, wobble)


def busyness(minute: float) -> float:
    """0 at seven in the morning, 1 at seven in the evening."""
    return 0.5 + 0.5 * math.cos((minute % 86400 / 3600 - 19) / 24 * 2 * math.pi)


def values(figures: Iterable[Of], start: float, end: float, period: float) -> Mapping[int, list[float]]:
    """The values of each period that has any, by its beginning; hours are made of five-minute looks, each standing for its minutes."""
    step, weight = (ROLLED_UP, int(ROLLED_UP // MINUTE)) if period >= 3600 else (MINUTE, 1)
    found: dict[int, list[float]] = {}
    figures = tuple(figures)
    moment = math.ceil(start / step) * step
    while moment < end:
        for figure in figures:
            value = figure(moment)
            if value is not None:
                found.setdefault(int(moment // period * period), []).extend([value] * weight)
        moment += step
    return found
