"""Lanes drawn on one time axis: what was is solid, what is foreseen is outlined, one line through all is now. Pure, in percent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from deployments.lanes import AT_ONCE, USUAL, Lane

_TICKS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600)
_MOST_TICKS = 8
NAMES = {"draining": "Drain", "commands": "Code and commands", "registering": "Register and checks", "replacing": "Replace the code"}


@dataclass(frozen=True, slots=True)
class Axis:
    begin: datetime
    end: datetime
    now: datetime

    def at(self, when: datetime) -> float:
        span = (self.end - self.begin).total_seconds() or 1.0
        return min(max(100 * (when - self.begin).total_seconds() / span, 0.0), 100.0)

    @property
    def now_at(self) -> float:
        return self.at(self.now)

    @property
    def now_inside(self) -> bool:
        return self.begin <= self.now <= self.end

    @property
    def ticks(self) -> list[tuple[float, datetime, str]]:
        """(x, time, how near to now: "", "near" or "at"), at round times."""
        span = (self.end - self.begin).total_seconds()
        step = next((each for each in _TICKS if span / each <= _MOST_TICKS), _TICKS[-1])
        first = self.begin.timestamp() // step * step + step
        times = [datetime.fromtimestamp(first + step * n, self.begin.tzinfo) for n in range(int(span // step) + 1)]
        marks = [(self.at(time), time) for time in times if self.begin < time < self.end]
        return [(x, time, self._nearness(x)) for x, time in marks if 2 < x < 98]

    def _nearness(self, x: float) -> str:
        apart = abs(x - self.now_at) if self.now_inside else 100.0
        return "at" if apart < 6 else "near" if apart < 16 else ""

    @property
    def seconds_shown(self) -> bool:
        return (self.end - self.begin).total_seconds() < 600


@dataclass(frozen=True, slots=True)
class Bar:
    """`kind`: done, now, still (what is left of this phase), todo, fail."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class PhaseCell:
    """A phase of the lane that is open. `state`: done, now, fail or ""."""

    name: str
    state: str
    seconds: float
    measured: bool


@dataclass(frozen=True, slots=True)
class DrawnLane:
    lane: Lane
    bars: tuple[Bar, ...]
    took: timedelta | None
    label_at: float
    ends: datetime | None
    cells: tuple[PhaseCell, ...]

    @property
    def label_left(self) -> bool:
        """Beside the bar's beginning, where there is no room behind its end."""
        return self.ends is not None and self.label_at > 84

    @property
    def light(self) -> str:
        lights = {"waiting": "wait", "done": "ok", "healthy": "ok", "failed": "bad", "unknown": "unknown"}
        return lights.get(self.lane.phase, "info")

    @property
    def open(self) -> bool:
        """What moves and what failed shows its phases by itself."""
        return self.light in ("info", "bad") and bool(self.cells)


def pace(lanes: Sequence[Lane]) -> float:
    """How long hosts take here and now against the usual figures: 1.0 until one is done."""
    done = [lane for lane in lanes if lane.phase == "done"]
    taken = [(lane.ended - lane.started).total_seconds() / _usual(lane) for lane in done if lane.started and lane.ended]
    return max(median(taken), 0.005) if taken else 1.0


def _usual(lane: Lane) -> float:
    return sum(USUAL[name] for name in lane.names)


def draw(
    lanes: Sequence[Lane],
    *,
    begin: datetime,
    end: datetime | None,
    now: datetime,
    usual_pace: float = 1.0,
    turns: Mapping[str, datetime] | None = None,
) -> tuple[Axis, list[DrawnLane]]:
    """`end`: when the run ended. Else the axis reaches to the last expected end. `turns`: when a tier's turn comes at the earliest."""
    over = end is not None
    measured = pace(lanes)
    rate = measured if measured != 1.0 else usual_pace
    forecasts = {} if over else _forecasts(lanes, now, rate, turns or {})
    latest = max([end or now, *(spans[-1][2] for spans in forecasts.values() if spans)])
    margin = max((latest - begin) * 0.04, timedelta(seconds=2))
    axis = Axis(begin - margin / 2, latest + margin * (1 if over else 2), end or now)
    return axis, [_draw(lane, axis, forecasts.get(lane.instance_id, []), rate) for lane in lanes]


Span = tuple[str, datetime, datetime]


def _forecasts(lanes: Sequence[Lane], now: datetime, rate: float, turns: Mapping[str, datetime]) -> dict[str, list[Span]]:
    """One host after the other: the next one begins when the one before is expected to be done. Or a whole tier at the same time."""
    free, found, begun = now, {}, dict[str, datetime]()
    for lane in sorted(lanes, key=lambda lane: lane.phase == "waiting"):
        if lane.phase in lane.names and lane.phases:
            found[lane.instance_id] = list(_rest_of(lane, now, rate))
        elif lane.phase == "waiting":
            turn = max(free, turns.get(lane.tier, free))
            begin = begun.setdefault(lane.tier, turn) if lane.names == AT_ONCE else turn
            found[lane.instance_id] = list(_phases_from(lane.names, begin, rate))
        else:
            continue
        free = max(free, found[lane.instance_id][-1][2])
    return found


def _rest_of(lane: Lane, now: datetime, rate: float) -> Iterator[Span]:
    current = lane.phases[-1]
    expected = max(current.start + timedelta(seconds=USUAL[current.name] * rate), now)
    yield "still", now, expected
    yield from _phases_from(lane.names[lane.names.index(current.name) + 1 :], expected, rate)


def _phases_from(names: Sequence[str], begin: datetime, rate: float) -> Iterator[Span]:
    for name in names:
        end = begin + timedelta(seconds=USUAL[name] * rate)
        yield "todo", begin, end
        begin = end


def _draw(lane: Lane, axis: Axis, forecast: Sequence[Span], rate: float) -> DrawnLane:
    failed = lane.phase == "failed"
    bars = []
    for span in lane.phases:
        last = span is lane.phases[-1]
        kind = "fail" if failed and last else "now" if span.end is None else "done"
        bars.append(_bar(kind, span.start, span.end or axis.now, axis))
    bars += [_bar(kind, begin, end, axis) for kind, begin, end in forecast]
    took = lane.ended - lane.started if lane.started and lane.ended else None
    middle = (axis.at(lane.started) + axis.at(lane.ended)) / 2 if took and lane.started and lane.ended else 0.0
    ends = forecast[-1][2] if forecast else None
    return DrawnLane(lane, tuple(bars), took, axis.at(ends) if ends else middle, ends, tuple(_cells(lane, axis.now, rate)))


def _bar(kind: str, begin: datetime, end: datetime, axis: Axis) -> Bar:
    x = axis.at(begin)
    return Bar(kind, x, max(axis.at(end) - x, 0.15))


def _cells(lane: Lane, now: datetime, rate: float) -> Iterator[PhaseCell]:
    if not lane.phases:
        return
    spans = {span.name: span for span in lane.phases}
    for name in lane.names:
        span = spans.get(name)
        if span is None:
            yield PhaseCell(NAMES[name], "", USUAL[name] * rate, False)
        else:
            last = span is lane.phases[-1]
            state = "fail" if last and lane.phase == "failed" else "now" if span.end is None else "done"
            yield PhaseCell(NAMES[name], state, ((span.end or now) - span.start).total_seconds(), True)
