"""The shop during a run, as visitors saw it: asked from outside once a second, not told by any button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployments.overview import ShopRow, shop_row
from deployments.timeline import Axis
from estate.models import ShopAnswer
from runs.models import Run

GAP = timedelta(seconds=10)  # without an answer for so long nobody knows


@dataclass(frozen=True, slots=True)
class Band:
    """For so long the shop answered alike."""

    state: str
    begin: datetime
    end: datetime

    @property
    def lasted(self) -> timedelta:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Outside:
    now: ShopRow
    bands: tuple[Band, ...]
    good: int
    total: int

    def seconds(self, state: str) -> float:
        return sum(band.lasted.total_seconds() for band in self.bands if band.state == state)

    @property
    def closed(self) -> float:
        return self.seconds("closed")

    @property
    def broken(self) -> float:
        return self.seconds("broken")

    @property
    def unknown(self) -> float:
        return self.seconds("silent") + self.seconds("unknown")

    @property
    def since(self) -> datetime | None:
        """Since when it is as it is now."""
        return self.bands[-1].begin if self.bands else None


@dataclass(frozen=True, slots=True)
class DrawnBand:
    state: str
    x: float
    width: float


def during(run: Run, at: datetime) -> Outside | None:
    """One query. None before the run has started."""
    if run.started is None:
        return None
    wanted = ShopAnswer.objects.filter(
        service=run.service, environment=run.environment, time__gte=run.started, time__lte=run.ended or at
    ).order_by("time")
    answers = list(wanted)
    good = sum(answer.state == ShopAnswer.State.OPEN for answer in answers)
    return Outside(shop_row(answers), bands_of(answers), good, len(answers))


def bands_of(answers: Sequence[ShopAnswer]) -> tuple[Band, ...]:
    """A state lasts until the next answer; a long silence between two is unknown, not the state before."""
    found: list[Band] = []
    for answer, later in zip(answers, [*answers[1:], None], strict=True):
        end = later.time if later else answer.time
        if end - answer.time > GAP:
            _extend(found, answer.state, answer.time, answer.time + GAP)
            _extend(found, "unknown", answer.time + GAP, end)
        else:
            _extend(found, answer.state, answer.time, end)
    return tuple(found)


def _extend(bands: list[Band], state: str, begin: datetime, end: datetime) -> None:
    if bands and bands[-1].state == state:
        begin = bands.pop().begin
    bands.append(Band(state, begin, end))


def bands_on(axis: Axis, shop: Outside) -> tuple[DrawnBand, ...]:
    return tuple(DrawnBand(band.state, axis.at(band.begin), max(axis.at(band.end) - axis.at(band.begin), 0.2)) for band in shop.bands)
