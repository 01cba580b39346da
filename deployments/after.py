"""After a release: what it cost, as it was measured, and who is told that it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.urls import reverse
from django.utils import timezone

from deployments.lanes import Lane
from estate.models import ShopAnswer
from estate.shop import Downtime
from people.notifications import notify
from runs.models import Run, Step

EVERY = 5.0  # seconds
PAST_RUNS = 10
_TOLD = timedelta(hours=1)
_ENDS = {
    Run.State.SUCCEEDED: "Released",
    Run.State.FAILED: "Failed",
    Run.State.CANCELLED: "Stopped",
    Run.State.UNKNOWN: "Nobody knows whether it happened",
    Run.State.WAITING: "Waits for a person",
}
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the run, as visitors met them; each second is in one of them.

    `mixed`: the shop was open, and some front hosts had the new code and others the old. `degraded`: it was open with a front host out of
    service. Closed, broken and unknown come from the answers from outside, mixed and degraded from what Beanstalk said of its batches.
    """

    closed: float
    broken: float
    mixed: float
    degraded: float
    well: float
    unknown: float


@dataclass(frozen=True, slots=True)
class StepTime:
    """`usual` is the median of the step in earlier successful runs of the service there; None where there is none."""

    title: str
    state: str
    seconds: float
    usual: float | None

    @property
    def slower(self) -> float | None:
        """Seconds above the usual time, where that is worth a word."""
        if not self.usual or self.seconds <= max(1.5 * self.usual, self.usual + 10):
            return None
        return self.seconds - self.usual


def cost(down: Downtime, lanes: Sequence[Lane]) -> Cost:
    front = [lane for lane in lanes if lane.tier == lanes[-1].tier]
    opened = [(begin, end) for begin, end, state in down.bands if state == ShopAnswer.State.OPEN]
    mixed = _overlap(opened, _mixed(front))
    out = [(lane.started, lane.ended) for lane in front if lane.started and lane.ended]
    degraded = max(0.0, _overlap(opened, _joined(out)) - _overlap(opened, _common(_joined(out), _mixed(front))))
    well = sum((end - begin).total_seconds() for begin, end in opened) - mixed - degraded
    return Cost(down.closed_seconds, down.broken_seconds + down.silent_seconds, mixed, degraded, max(0.0, well), down.unknown_seconds)


def step_times(run: Run) -> list[StepTime]:
    """Against earlier runs that went the same way: all hosts at once is no measure of one after the other. Two queries."""
    way = run.plan.document["facts"].get("way")
    went = {"plan__document__facts__way": way} if way else {"plan__document__facts__way__isnull": True}
    same = {"kind": run.kind, "service": run.service, "environment": run.environment, "state": Run.State.SUCCEEDED, **went}
    past = list(Run.objects.filter(**same, number__lt=run.number).order_by("-number").values_list("number", flat=True)[:PAST_RUNS])
    took: dict[str, list[float]] = {}
    for key, started, ended in Step.objects.filter(run__in=past, state=Step.State.DONE).values_list("key", "started", "ended"):
        if started and ended:
            took.setdefault(key, []).append((ended - started).total_seconds())
    return [
        StepTime(step.title, step.state, (step.ended - step.started).total_seconds(), median(took[step.key]) if step.key in took else None)
        for step in run.steps.all()
        if step.started and step.ended
    ]


def tell() -> None:
    """Tells once of each release that has ended, or that waits for somebody."""
    since = timezone.now() - _TOLD
    ended = Run.objects.filter(kind="release", ended__gte=since)
    waiting = Run.objects.filter(kind="release", state__in=(Run.State.WAITING, Run.State.UNKNOWN), created__gte=since - 12 * _TOLD)
    for run in (ended | waiting).select_related("plan", "requested_by"):
        title = f"{_ENDS.get(Run.State(run.state), run.state)}: {run.title}"
        text = f"{run.said or 'Every host was asked for its version and both lights.'} Started by {run.requested_by}."
        key = f"release:{run.number}:{run.state}:{run.ended.timestamp() if run.ended else 0:.0f}"
        notify("release", title=title, text=text, url=reverse("runs:detail", args=(run.number,)), key=key, environment=run.environment)


def _mixed(front: Sequence[Lane]) -> list[Span]:
    """From the first front host that was back with new code to the last."""
    back = sorted(lane.ended for lane in front if lane.ended)
    return [(back[0], back[-1])] if len(back) > 1 and back[0] < back[-1] else []


def _joined(spans: Sequence[tuple[datetime, datetime]]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    both = [(max(one[0], two[0]), min(one[1], two[1])) for one in some for two in others]
    return [(begin, end) for begin, end in both if begin < end]


def _overlap(some: Sequence[Span], others: Sequence[Span]) -> float:
    return sum((end - begin).total_seconds() for begin, end in _common(some, others))
