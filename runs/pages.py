"""What the pages about runs show, as values: one query set each, counted in the tests. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from runs import draining
from runs.models import LogHead, Run, Step

PAGE = 50  # runs on one page of the list
ENOUGH = 0.1  # share of the usual time that has to be over before the pace of this run is believed


@dataclass(frozen=True, slots=True)
class Indicator:
    """The run that most needs eyes, in the bar of every page."""

    number: int
    about: str
    light: str
    said: str
    left: float | None = None  # seconds, while it runs


@dataclass(frozen=True, slots=True)
class Progress:
    """How far, how long still. Times in seconds; the shares are percentages of elapsed plus the latest expected end."""

    done: int
    total: int
    elapsed: float
    left: float
    low: float
    high: float
    source: str
    now: datetime
    known: bool = True

    @property
    def span(self) -> float:
        return max(self.elapsed + self.high, 1.0)

    @property
    def gone_share(self) -> float:
        return 100 * self.elapsed / self.span

    @property
    def low_share(self) -> float:
        return 100 * (self.elapsed + self.low) / self.span

    @property
    def range_share(self) -> float:
        return 100 - self.low_share

    @property
    def end_share(self) -> float:
        return min(100 * (self.elapsed + self.left) / self.span, 100)

    @property
    def ends(self) -> datetime:
        return self.now + timedelta(seconds=self.left)

    @property
    def ends_low(self) -> datetime:
        return self.now + timedelta(seconds=self.low)

    @property
    def ends_high(self) -> datetime:
        return self.now + timedelta(seconds=self.high)

    @property
    def overdue(self) -> bool:
        return self.known and self.left <= 0


@dataclass(frozen=True, slots=True)
class StepRow:
    step: Step
    usual: float
    where: str
    current: bool

    @property
    def took(self) -> timedelta | None:
        return self.step.ended - self.step.started if self.step.started and self.step.ended else None


@dataclass(frozen=True, slots=True)
class RunPage:
    run: Run
    rows: tuple[StepRow, ...]
    progress: Progress
    lines: int  # the number of the last
    removed: int = 0  # so many of them, the first ones, are kept no more

    @property
    def done(self) -> int:
        return self.progress.done

    @property
    def failed(self) -> StepRow | None:
        return next((row for row in self.rows if row.step.state in (Step.State.FAILED, Step.State.UNKNOWN)), None)

    @property
    def current(self) -> StepRow | None:
        return next((row for row in self.rows if row.current), None)


def run_page(number: int, now: datetime) -> RunPage:
    """Raises Run.DoesNotExist. Three queries."""
    run = draining.marked().select_related("plan", "requested_by", "cancelled_by", "takes_over").prefetch_related("steps").get(pk=number)
    steps = list(run.steps.all())
    first, following = LogHead.objects.filter(run=run).values_list("first", "next_seq").first() or (1, 1)
    return RunPage(run, rows(run, steps), progress(run, steps, now), following - 1, first - 1)


def rows(run: Run, steps: Sequence[Step]) -> tuple[StepRow, ...]:
    planned = {step["key"]: step for step in run.plan.document["steps"]}
    current = next((step for step in steps if step.state not in Step.FINISHED), None) if run.is_active or run.holds_lock else None
    return tuple(
        StepRow(step, float(planned.get(step.key, {}).get("seconds", 0)), planned.get(step.key, {}).get("where", ""), step is current)
        for step in steps
    )


def progress(run: Run, steps: Sequence[Step], now: datetime) -> Progress:
    """From the plan's estimate, corrected by what the steps so far really took."""
    document: Mapping[str, Any] = run.plan.document
    usual = {step["key"]: float(step.get("seconds") or 0) for step in document["steps"]}
    estimate = document.get("facts", {}).get("estimate") or {}
    whole = sum(usual.values())
    seconds = float(estimate.get("seconds") or whole)
    scale = seconds / whole * pace(run, steps) if whole else 0.0
    left = sum(scale * _left(step, usual.get(step.key, 0.0), scale, now) for step in steps)
    low, high = (left * float(estimate.get(key) or seconds) / seconds if seconds else 0.0 for key in ("low", "high"))
    over = run.ended or now
    return Progress(
        done=sum(step.state in Step.FINISHED for step in steps),
        total=len(steps),
        elapsed=(over - run.started).total_seconds() if run.started else 0.0,
        left=left,
        low=min(low, left),
        high=max(high, left),
        source=str(estimate.get("source") or "the sheet of usual times"),
        now=now,
        known=whole > 0,
    )


def pace(run: Run, steps: Sequence[Step]) -> float:
    """How long the steps so far took against their usual times. 1.0 until they weigh enough to tell."""
    usual = {step["key"]: float(step.get("seconds") or 0) for step in run.plan.document["steps"]}
    done = [step for step in steps if step.state in Step.FINISHED and step.started and step.ended]
    expected = sum(usual.get(step.key, 0.0) for step in done)
    if expected < ENOUGH * sum(usual.values()) or not expected:
        return 1.0
    took = sum((step.ended - step.started).total_seconds() for step in done if step.started and step.ended)
    return min(max(took / expected, 0.005), 5.0)


def _left(step: Step, usual: float, scale: float, now: datetime) -> float:
    if step.state in Step.FINISHED:
        return 0.0
    if step.started is None or not scale:
        return usual
    return max(usual - (now - step.started).total_seconds() / scale, 0.0)


def active(*, drained: bool = True) -> QuerySet[Run]:
    """Whatever holds a lock group: what runs, what waits for a person, what failed and was not released. Newest first, with steps.

    Where nothing is `drained` no run stands still, and the question, a third of the query's cost, is not asked.
    """
    return (
        (draining.marked() if drained else Run.objects.all())
        .filter(holds_lock=True)
        .select_related("plan", "requested_by")
        .prefetch_related("steps")
    )


def indicator(now: datetime, *, drained: bool = True) -> Indicator | None:
    """Two queries, one where nothing is held."""
    return indicator_of(list(active(drained=drained)[:5]), now)


def indicator_of(held: Sequence[Run], now: datetime) -> Indicator | None:
    """Of the runs that hold a lock the one that moves; else the newest that waits for somebody."""
    if not held:
        return None
    run = min(held, key=lambda each: (each.state not in (Run.State.RUNNING, Run.State.QUEUED), -each.number))
    steps = list(run.steps.all())
    left = progress(run, steps, now).left if run.state == Run.State.RUNNING and not run.stands_still else 0
    return Indicator(run.number, run.title, _light(run), said(run, steps), left or None)


def _light(run: Run) -> str:
    lights = {"running": "info", "queued": "wait", "waiting": "warn", "unknown": "unknown", "failed": "bad"}
    return "wait" if run.stands_still else lights.get(run.state, "unknown")


def said(run: Run, steps: Sequence[Step]) -> str:
    """The run's state in a few words, for lists and the bar."""
    match run.state:
        case Run.State.QUEUED | Run.State.RUNNING if run.stands_still:
            return "waits: the console is drained"
        case Run.State.QUEUED:
            return "waits for a worker"
        case Run.State.RUNNING:
            step = next((step for step in steps if step.state not in Step.FINISHED), None)
            return step.title if step else "finishing"
        case Run.State.WAITING:
            return "waits for you"
        case Run.State.UNKNOWN:
            return "unknown: look at it"
        case Run.State.FAILED:
            return "failed, holds its lock" if run.holds_lock else "failed"
        case _:
            return run.state


def history(*, environment: str = "", service: str = "", state: str = "", before: int | None = None) -> tuple[list[Run], int | None]:
    """The runs, newest first, and the number to ask `before` for the next page. One query."""
    wanted = Q()
    if environment:
        wanted &= Q(environment=environment)
    if service:
        wanted &= Q(service=service)
    if state:
        wanted &= Q(state=state)
    if before is not None:
        wanted &= Q(number__lt=before)
    found = list(Run.objects.filter(wanted).select_related("requested_by")[: PAGE + 1])
    return found[:PAGE], found[PAGE - 1].number if len(found) > PAGE else None
