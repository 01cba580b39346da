"""What happened beside the figures: releases and other changes by the console, on the same time axis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.urls import reverse

from runs.models import Run

MOST = 200  # runs; more cannot be told apart on a chart


@dataclass(frozen=True, slots=True)
class Change:
    """A run: a release is drawn as a band, anything else as a line. `end` is None while it goes on."""

    number: int
    label: str  # r418
    title: str
    kind: str
    state: str
    start: datetime
    end: datetime | None
    url: str

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "label": self.label,
            "title": self.title,
            "release": self.kind == "release",
            "state": self.state,
            "from": int(self.start.timestamp()),
            "to": int(self.end.timestamp()) if self.end else None,
            "url": self.url,
        }


def changes(start: datetime, end: datetime) -> list[Change]:
    """Those that were under way in that time, oldest first."""
    within = Q(started__lte=end) & (Q(ended=None) | Q(ended__gte=start))
    runs = Run.objects.filter(within).exclude(started=None).select_related("plan").order_by("-number")[:MOST]
    return [_change(run) for run in reversed(runs)]


def last_release() -> Change | None:
    run = Run.objects.filter(kind="release").exclude(started=None).select_related("plan").order_by("-number").first()
    return _change(run) if run else None


def _change(run: Run) -> Change:
    facts = run.plan.document.get("facts") or {}
    label = str(facts.get("release") or "") if run.kind == "release" else ""
    return Change(
        run.number,
        label or run.title,
        run.title,
        run.kind,
        run.state,
        run.started or run.created,
        run.ended,
        reverse("runs:detail", args=(run.number,)),
    )
