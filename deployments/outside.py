"""The shop during a run, as visitors saw it: asked from outside once a second, not told by any button. Measured by `estate.shop`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from deployments.overview import ShopRow, shop_row
from deployments.timeline import Axis
from estate.models import ShopAnswer
from estate.shop import GAP, Downtime, measured
from runs.models import Run


@dataclass(frozen=True, slots=True)
class Outside:
    """`good` of `total` answers were; a row that stands for many counts as one a second."""

    now: ShopRow
    down: Downtime
    good: int
    total: int

    @property
    def since(self) -> datetime | None:
        """Since when it is as it is now."""
        return self.down.bands[-1][0] if self.down.bands else None


@dataclass(frozen=True, slots=True)
class DrawnBand:
    state: str
    x: float
    width: float


def during(run: Run, at: datetime) -> Outside | None:
    """One query. None before the run has started."""
    if run.started is None:
        return None
    end = run.ended or at
    mine = ShopAnswer.objects.filter(service=run.service, environment=run.environment, time__lte=end)
    answers = list(mine.filter(Q(time__gte=run.started - GAP) | Q(until__gte=run.started - GAP)).order_by("time"))
    counts = [(answer.state, 1 if answer.until is None else 1 + int((answer.until - answer.time).total_seconds())) for answer in answers]
    good = sum(count for state, count in counts if state == ShopAnswer.State.OPEN)
    down = measured([(answer.time, answer.until, answer.state) for answer in answers], run.started, end)
    return Outside(shop_row(answers, end), down, good, sum(count for _, count in counts))


def bands_on(axis: Axis, shop: Outside) -> tuple[DrawnBand, ...]:
    return tuple(DrawnBand(state, axis.at(begin), max(axis.at(end) - axis.at(begin), 0.2)) for begin, end, state in shop.down.bands)
