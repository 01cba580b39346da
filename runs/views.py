"""The history, one run, and what a person can do about it. What a kind of run is about comes from `runs.panels`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from estate import reading as estate
from people.models import Operator
from people.permissions import Forbidden, may, require
from people.views import may_view
from runs import actions, again, looking, pages, panels, reading, stopping
from runs.models import Run, Step
from runs.numbers import whole

TAIL = 300  # lines that the page has before any script runs


@require_safe
@may_view
def history(request: HttpRequest) -> HttpResponse:
    asked = {key: request.GET.get(key, "") for key in ("environment", "service", "state")}
    before = request.GET.get("before", "")
    found, older = pages.history(**asked, before=whole(before))
    environment = estate.current().environments.get(asked["environment"])
    return render(
        request,
        "runs/list.html",
        {"runs": found, "older": older, "asked": asked, "states": Run.State.values, "environment": environment},
    )


@require_safe
@may_view
def detail(request: HttpRequest, number: int) -> HttpResponse:
    host, contains = request.GET.get("host", ""), request.GET.get("contains", "")
    context = _context(request, number)
    after = 0 if host or contains else max(context["page"].lines - TAIL, 0)
    context["lines"] = reading.read(number, after, TAIL, host=host, contains=contains)
    context["log_hosts"] = reading.hosts(number)
    return render(request, "runs/detail.html", context | {"host": host, "contains": contains})


@require_safe
@may_view
def live(request: HttpRequest, number: int) -> HttpResponse:
    """The same fragment that the page was first made of, without the log: that comes by its own way."""
    return render(request, "runs/_update.html", _context(request, number))


def _context(request: HttpRequest, number: int) -> dict[str, Any]:
    now = timezone.now()
    try:
        page = pages.run_page(number, now)
    except Run.DoesNotExist:
        raise Http404(f"There is no run {number}.") from None
    run = page.run
    return {
        "page": page,
        "run": run,
        "at": now,
        "panels": panels.panels(run, now, request.user),
        "may_abort": may(request.user, "abort", run.environment),
        "may_settle": may(request.user, "settle", run.environment),
        "ways": stopping.ways(run, [row.step for row in page.rows]) if run.is_active else (),
        "again": again.again(page.failed.step) if page.failed and run.holds_lock else None,
        "environment": estate.current().environments.get(run.environment),
    }


# -- what a person can do


@require_safe
@may_view
def look(request: HttpRequest, number: int) -> HttpResponse:
    """Asks the world what has become of what the run has left open. Nothing is changed, here or there."""
    run = get_object_or_404(Run.objects.select_related("plan"), pk=number)
    allowed = may(request.user, "settle", run.environment)
    if not allowed:
        raise PermissionDenied(allowed.why)
    found = looking.look(run)
    return render(request, "runs/_looked.html", {"run": run, "found": found, "at": timezone.now()})


@require_POST
@may_view
def cancel(request: HttpRequest, number: int) -> HttpResponseBase:
    strength = request.POST.get("strength", "")
    if strength not in Run.Cancel.values or strength == Run.Cancel.NONE:
        messages.error(request, "Choose one of the three ways to stop. Nothing has been changed.")
        return redirect("runs:detail", number)
    told = {
        Run.Cancel.AFTER_STEP: "Asked to stop after this step.",
        Run.Cancel.ABORT: "Asked to abort. What it stopped and what it left is said here as soon as it is proven.",
        Run.Cancel.STOP_WATCHING: "Asked to stop watching. The world goes on; “Check now” reads it again.",
    }[Run.Cancel(strength)]
    return _act(request, number, "abort", told, lambda run, by: actions.cancel_run(run, Run.Cancel(strength), by=by))


@require_POST
@may_view
def release_lock(request: HttpRequest, number: int) -> HttpResponseBase:
    reason = request.POST.get("reason", "")
    return _act(
        request, number, "settle", "The lock is released: others may start.", lambda run, by: actions.release_lock(run, reason, by=by)
    )


@require_POST
@may_view
def check_now(request: HttpRequest, number: int) -> HttpResponseBase:
    told = "The world is asked again; what is found is taken over."
    return _act(request, number, "settle", told, lambda run, by: actions.adopt(run, by=by))


@require_POST
@may_view
def resume(request: HttpRequest, number: int) -> HttpResponseBase:
    return _act(
        request,
        number,
        "settle",
        "Going on from the step that failed; the world is asked first.",
        lambda run, by: actions.resume(run, by=by),
    )


@require_POST
@may_view
def give_up(request: HttpRequest, number: int) -> HttpResponseBase:
    reason = request.POST.get("reason", "")
    return _act(
        request, number, "settle", "Given up. The run goes on holding its lock.", lambda run, by: actions.give_up(run, reason, by=by)
    )


@require_POST
@may_view
def by_hand(request: HttpRequest, number: int, position: int) -> HttpResponseBase:
    step = get_object_or_404(Step.objects.select_related("run"), run=number, position=position)
    evidence = request.POST.get("evidence", "")
    told = f"“{step.title}” counts as done by hand; the run goes on behind it."
    return _act(request, number, "settle", told, lambda _, by: actions.mark_done_by_hand(step, evidence, by=by))


def _act(request: HttpRequest, number: int, action: str, told: str, do: Callable[[Run, Operator], object]) -> HttpResponseBase:
    """Does it and returns to the run's page, which says what came of it; a refusal is said there too."""
    run = get_object_or_404(Run, pk=number)
    try:
        do(run, require(request.user, action, run.environment))
    except (Forbidden, actions.Refusal) as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, told)
    return redirect("runs:detail", number)
