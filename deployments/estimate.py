"""How long a release takes: from earlier runs of the same steps once there are any, from the sheet of usual times until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from runs.models import Run
from runs.models import Step as StepRow
from runs.plan import Step

PAST_RUNS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds. `runs` is how many past runs it rests on; 0: the sheet of usual times."""

    seconds: float
    low: float
    high: float
    runs: int

    def to_json(self) -> dict[str, Any]:
        source = f"{self.runs} past run{'s' if self.runs > 1 else ''}" if self.runs else "the sheet of usual times"
        return {"seconds": round(self.seconds), "low": round(self.low), "high": round(self.high), "runs": self.runs, "source": source}


def timed(steps: Sequence[Step], lock_group: str, service: str, *, way: str = "") -> tuple[tuple[Step, ...], Estimate]:
    """The steps with their usual seconds, and the whole. `way`: of runs that went the same way, where there are several."""
    runs = Run.objects.filter(lock_group=lock_group, service=service, kind="release", state=Run.State.SUCCEEDED)
    same = runs.filter(plan__document__facts__way=way) if way else runs.filter(plan__document__facts__way__isnull=True)
    past = list(same.order_by("-number").values_list("number", flat=True)[:PAST_RUNS])
    if not past:
        seconds = sum(step.seconds for step in steps)
        return tuple(steps), Estimate(seconds, seconds * 0.8, seconds * 1.5, 0)
    taken: dict[str, list[float]] = {}
    totals: dict[int, float] = {}
    rows = StepRow.objects.filter(run__in=past, started__isnull=False, ended__isnull=False)
    for run, key, started, ended in rows.values_list("run_id", "key", "started", "ended"):
        if started is None or ended is None:
            continue
        lasted = (ended - started).total_seconds()
        taken.setdefault(key, []).append(lasted)
        totals[run] = totals.get(run, 0) + lasted
    known = tuple(replace(step, seconds=median(taken[step.key])) if step.key in taken else step for step in steps)
    whole = sum(step.seconds for step in known)
    return known, Estimate(whole, min([*totals.values(), whole]), max([*totals.values(), whole]), len(past))
