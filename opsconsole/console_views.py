"""The page “The console itself”: its processes, what they do, how old their last word is, and how one drains and upgrades them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from opsconsole import health, workers
from people.views import may_view
from runs.models import Duty, Run


@dataclass(frozen=True, slots=True)
class Part:
    """One of what a release needs; `light` is ok or bad."""

    name: str
    light: str
    said: str


@dataclass(frozen=True, slots=True)
class Task:
    """A periodic duty. `machine` is where it was taken last; `light` is bad where it failed the last time."""

    name: str
    machine: str
    ran: datetime | None
    light: str


@require_safe
@may_view
def page(request: HttpRequest) -> HttpResponse:
    living, queued = _workers()
    versions = sorted({worker.version for worker in living or () if worker.is_fresh} | {settings.CODE_VERSION})
    shown = {
        "parts": [Part(name.capitalize(), "ok" if told["ok"] else "bad", told.get("said", "")) for name, told in health.parts().items()],
        "workers": living,
        "queued": queued,
        "versions": versions,
        "here": settings.CODE_VERSION,
        "tasks": [_task(duty) for duty in Duty.objects.order_by("name")],
        "runs": list(Run.objects.filter(state__in=Run.ACTIVE).order_by("-number")[:50]),
    }
    return render(request, "opsconsole/console.html", shown)


def _workers() -> tuple[Sequence[workers.Living] | None, int | None]:
    """None where Redis, which alone knows them, does not answer."""
    try:
        with workers.connection() as asked:
            return workers.living(asked), workers.queue_length(asked)
    except redis.RedisError:
        return None, None


def _task(duty: Duty) -> Task:
    light = "unknown" if duty.ran is None else "bad" if duty.error else "ok"
    return Task(duty.name, duty.owner.partition(":")[0], duty.ran, light)
