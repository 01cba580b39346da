"""The geometry of the lanes: past and forecast on one axis, in percent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments import timeline
from deployments.lanes import AT_ONCE, PHASES, USUAL, Lane, PhaseSpan

BEGIN = datetime(2026, 11, 24, 1, 4, tzinfo=UTC)
ROLL = sum(USUAL[name] for name in PHASES)


def lane(phase: str, *spans: PhaseSpan, name: str = "fe-1") -> Lane:
    ended = spans[-1].end if spans and phase in ("done", "failed") else None
    return Lane(
        host=name,
        instance_id=f"i-{name}",
        ip="10.0.0.1",
        tier="front",
        version="r417-3f80d2b",
        target_version="r418-a91c3e7",
        phase=phase,
        phases=spans,
        eb=("ok", "Ok"),
        tg=("ok", "healthy"),
        maintenance="off",
        said="",
        started=spans[0].start if spans else None,
        ended=ended,
        name=name,
    )


def seconds(count: float) -> datetime:
    return BEGIN + timedelta(seconds=count)


def done(begin: float, name: str = "fe-1") -> Lane:
    spans = (
        PhaseSpan("draining", seconds(begin), seconds(begin + 2)),
        PhaseSpan("commands", seconds(begin + 2), seconds(begin + 20)),
        PhaseSpan("registering", seconds(begin + 20), seconds(begin + 32.5)),
    )
    return lane("done", *spans, name=name)


def test_the_one_that_waits_begins_where_the_one_before_ends() -> None:
    now = seconds(5)
    moving = lane("draining", PhaseSpan("draining", BEGIN))
    _, (first, second, third) = timeline.draw(
        [moving, lane("waiting", name="fe-2"), lane("waiting", name="fe-3")], begin=BEGIN, end=None, now=now
    )
    assert [bar.kind for bar in first.bars] == ["now", "still", "todo", "todo"]
    assert first.ends == BEGIN + timedelta(seconds=ROLL)
    assert second.bars[0].x == pytest.approx(first.bars[-1].x + first.bars[-1].width)
    assert second.ends is not None
    assert third.ends == second.ends + timedelta(seconds=ROLL)


def test_those_that_are_deployed_at_the_same_time_are_foreseen_together_when_their_turn_comes() -> None:
    waiting = [replace(lane("waiting", name=name), names=AT_ONCE) for name in ("fe-1", "fe-2")]
    _, (first, second) = timeline.draw(waiting, begin=BEGIN, end=None, now=seconds(5), turns={"front": seconds(100)})
    assert first.ends == second.ends == seconds(100 + USUAL["replacing"])
    assert [bar.kind for bar in first.bars] == ["todo"]
    _, (moving,) = timeline.draw(
        [replace(lane("replacing", PhaseSpan("replacing", BEGIN)), names=AT_ONCE)], begin=BEGIN, end=None, now=BEGIN
    )
    assert moving.ends == seconds(USUAL["replacing"])
    assert [cell.name for cell in moving.cells] == ["Replace the code"]


def test_the_pace_of_the_hosts_that_are_done_is_believed() -> None:
    assert timeline.pace([done(0)]) == pytest.approx(32.5 / ROLL)
    _, (_, waiting) = timeline.draw([done(0), lane("waiting", name="fe-2")], begin=BEGIN, end=None, now=seconds(40))
    assert waiting.ends == seconds(72.5)


def test_a_run_that_has_ended_has_no_forecast() -> None:
    axis, (first, second) = timeline.draw([done(0), lane("waiting", name="fe-2")], begin=BEGIN, end=seconds(60), now=seconds(5000))
    assert [bar.kind for bar in first.bars] == ["done", "done", "done"]
    assert second.bars == ()
    assert axis.end < seconds(70)


def test_a_failed_lane_opens_by_itself_and_ends_red() -> None:
    spans = (PhaseSpan("draining", BEGIN, seconds(2)), PhaseSpan("commands", seconds(2), seconds(9)))
    _, (drawn,) = timeline.draw([lane("failed", *spans)], begin=BEGIN, end=seconds(10), now=seconds(10))
    assert drawn.open
    assert drawn.light == "bad"
    assert [bar.kind for bar in drawn.bars] == ["done", "fail"]
    assert [cell.state for cell in drawn.cells] == ["done", "fail", ""]


def test_a_lane_that_is_done_is_closed() -> None:
    _, (drawn,) = timeline.draw([done(0)], begin=BEGIN, end=None, now=seconds(40))
    assert not drawn.open
    assert drawn.took == timedelta(seconds=32.5)


@given(st.integers(1, 400_000), st.floats(0, 1))
def test_there_are_never_too_many_ticks_and_all_are_on_the_axis(span: int, now: float) -> None:
    axis = timeline.Axis(BEGIN, seconds(span), seconds(span * now))
    assert len(axis.ticks) <= 20
    assert all(0 < x < 100 for x, _, _ in axis.ticks)
    assert 0 <= axis.now_at <= 100
