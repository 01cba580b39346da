"""The page “The console itself”: its processes, what they do, how old their last word is, and how one drains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import redis
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from opsconsole import health, sizes, workers
from people.permissions import Forbidden, may, require
from people.views import may_view
from runs import draining, periodic
from runs.actions import Refusal
from runs.models import Duty, Run

SHOWN_RUNS = 50
LATE = 120.0  # seconds; so long may a duty take, and another scheduler to take it over


@dataclass(frozen=True, slots=True)
class Part:
    """One of what a release needs; `light` is ok or bad."""

    name: str
    light: str
    said: str


@dataclass(frozen=True, slots=True)
class Task:
    """A periodic duty. `machine` is where it was taken last; `light` is bad where it failed the last time, warn where it is late."""

    name: str
    machine: str
    ran: datetime | None
    light: str
    every: float | None  # seconds; None where this process does not know


@require_safe
@may_view
def page(request: HttpRequest) -> HttpResponse:
    living, queued = _workers()
    active = list(draining.marked().filter(state__in=Run.ACTIVE).order_by("-number")[:SHOWN_RUNS])
    versions = sorted({worker.version for worker in living or () if worker.is_fresh} | {settings.CODE_VERSION})
    shown = {
        "parts": [*_parts(), *_shards()],
        "workers": living,
        "queued": queued,
        "versions": versions,
        "here": settings.CODE_VERSION,
        "tasks": [_task(duty) for duty in Duty.objects.order_by("name")],
        "runs": active,
        "held": [run for run in active if run.stands_still and run.state in draining.TICKABLE],
        "moving": [run for run in active if run.state == Run.State.RUNNING],
        "sizes": sizes.sizes(),
        "may_drain": may(request.user, "drain"),
    }
    return render(request, "opsconsole/console.html", shown)


@require_POST
@may_view
def drain(request: HttpRequest) -> HttpResponseBase:
    try:
        draining.drain(
            request.POST.get("reason", "")[:200], everything=bool(request.POST.get("everything")), by=require(request.user, "drain")
        )
    except (Forbidden, Refusal) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Drained. It stays so until somebody lifts it here.")
    return redirect("console")


@require_POST
@may_view
def lift(request: HttpRequest) -> HttpResponseBase:
    try:
        rung = draining.lift(by=require(request.user, "drain"))
    except (Forbidden, Refusal) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request, f"Lifted. Rung for: {', '.join(f'run {number}' for number in rung)}." if rung else "Lifted. No run waited."
        )
    return redirect("console")


def _parts() -> list[Part]:
    return [Part(name.capitalize(), "ok" if told["ok"] else "bad", told.get("said", "")) for name, told in health.parts().items()]


def _shards() -> list[Part]:
    """Each Redis that carries live frames."""
    said = "does not answer: its pages are some seconds behind, for they ask the database"
    return [Part(f"Live frames by {name}", "ok" if answers else "bad", said) for name, answers in health.shards().items()]


def _workers() -> tuple[Sequence[workers.Living] | None, int | None]:
    """None where Redis, which alone knows them, does not answer."""
    try:
        with workers.connection() as asked:
            return workers.living(asked), workers.queue_length(asked)
    except redis.RedisError:
        return None, None


def _task(duty: Duty) -> Task:
    every = {each.name: each.every_seconds for each in periodic.registered()}.get(duty.name)
    late = duty.ran is not None and every is not None and (timezone.now() - duty.ran).total_seconds() > LATE + 2 * every
    light = "unknown" if duty.ran is None else "bad" if duty.error else "warn" if late else "ok"
    return Task(duty.name, duty.owner.partition(":")[0], duty.ran, light, every)
