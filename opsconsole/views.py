"""The front page: what is wrong, what is running, what can be released."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from deployments import overview, troubles
from deployments.overview import TargetRow
from estate import deadlines, reading
from estate.deadlines import Board, Due
from estate.definition import Environment
from estate.models import BeanstalkEnvironment, BeanstalkEvent, DeadlineSource
from monitoring.alarms.models import Tunnel
from monitoring.board.models import CheckSource
from opsconsole.alarm_troubles import of_alarms
from opsconsole.context import Around, around_and, shell_of
from opsconsole.health_troubles import of_health
from people.views import may_view
from runs import pages
from runs.models import Run
from runs.pages import Indicator, Progress

RECENT = 40  # runs that are looked through for each service's last release
SHOWN_RUNS = 8
SHOWN_EVENTS = 9
SHOWN_DEADLINES = 6
NEAR = 90  # days: what ends later is on the page of deadlines alone


@dataclass(frozen=True, slots=True)
class Group:
    """The services of one environment."""

    environment: Environment
    rows: tuple[TargetRow, ...]


@dataclass(frozen=True, slots=True)
class Moving:
    """A run that is under way."""

    run: Run
    said: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class NowPage:
    at: datetime
    environment: Environment
    troubles: tuple[troubles.Trouble, ...]
    moving: tuple[Moving, ...]
    groups: tuple[Group, ...]
    runs: tuple[Run, ...]
    events: tuple[BeanstalkEvent, ...]
    told: Around
    indicator: Indicator | None
    board: Board

    @property
    def near(self) -> tuple[Due, ...]:
        """What ends within 90 days, soonest first; then what has no date."""
        dated = tuple(due for due in self.board.dues if due.days_left is not None and due.days_left <= NEAR)
        return dated + tuple(due for due in self.board.dues if due.days_left is None)

    @property
    def soonest(self) -> tuple[Due, ...]:
        return self.near[:SHOWN_DEADLINES]

    @property
    def releasable(self) -> tuple[TargetRow, ...]:
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def ready(self) -> tuple[TargetRow, ...]:
        return tuple(row for row in self.releasable if row.may_plan and row.held is None)

    @property
    def closed_to_me(self) -> tuple[Group, ...]:
        """What the person may not plan, in each environment together: the reason is one."""
        groups = [
            Group(group.environment, tuple(row for row in group.rows if not row.may_plan and row.held is None)) for group in self.groups
        ]
        return tuple(group for group in groups if group.rows)

    @property
    def wrong(self) -> int:
        """How many things are wrong; what a run of ours does on its way is none."""
        return sum(trouble.state != "info" for trouble in self.troubles)

    @property
    def shop_closed(self) -> bool:
        return any(trouble.closes_shop for trouble in self.troubles)


@require_safe
@may_view
def now(request: HttpRequest) -> HttpResponse:
    """The page, and the same fragment again for its live update."""
    page = now_page(request.user, request.GET.get("environment", ""))
    shell = shell_of(request, page.told, page.indicator)
    template = "opsconsole/_now.html" if request.headers.get("HX-Request") else "opsconsole/now.html"
    response = render(request, template, {"page": page, "environment": page.environment, "shell": shell})
    response["Vary"] = "HX-Request, Cookie"
    return response


@require_safe
@may_view
def bar(request: HttpRequest) -> HttpResponse:
    """What moves in the bar of every page."""
    return render(request, "_bar_live.html")


def now_page(operator: object, environment: str) -> NowPage:
    """Seven queries, whatever there is: what stands in small tables is asked for in one."""
    at, estate = timezone.now(), reading.current()
    chosen = estate.environments.get(environment) or _first(estate.environments.values())
    recent = list(Run.objects.select_related("requested_by")[:RECENT])
    latest = BeanstalkEvent.objects.order_by("-time", "-id").values("pk")[:SHOWN_EVENTS]
    told, (tunnels, environments, stored, found, checked) = around_and(
        Tunnel.objects.all(),
        BeanstalkEnvironment.objects.all(),
        DeadlineSource.objects.all(),
        BeanstalkEvent.objects.filter(pk__in=latest),
        CheckSource.objects.all(),
    )
    held = list(pages.active(drained=told.drained is not None)[:10])
    rows = overview.overview(operator, _together(held, recent), at, environments=environments)
    moving = tuple(
        Moving(run, pages.said(run, list(run.steps.all())), pages.progress(run, list(run.steps.all()), at)) for run in held if run.is_active
    )
    events = tuple(reversed(found))
    groups = sorted(estate.environments.values(), key=lambda each: each is not chosen)
    return NowPage(
        at=at,
        environment=chosen,
        troubles=troubles.worst_first(
            (*troubles.troubles(rows, told.watched, held, at, events), *of_alarms(at, told.reading, tunnels), *of_health(checked))
        ),
        moving=moving,
        groups=tuple(Group(each, mine) for each in groups if (mine := tuple(row for row in rows if row.target.environment == each))),
        runs=tuple(recent[:SHOWN_RUNS]),
        events=events,
        told=told,
        indicator=pages.indicator_of(held, at),
        board=deadlines.board(stored),
    )


def _first(environments: Iterable[Environment]) -> Environment:
    """Production leads: the environment whose name has to be typed."""
    every = list(environments)
    return next((each for each in every if each.confirm), every[0])


def _together(held: Sequence[Run], recent: Sequence[Run]) -> list[Run]:
    """Each run once, newest first; those that hold a lock with their steps."""
    known = {run.number: run for run in recent} | {run.number: run for run in held}
    return sorted(known.values(), key=lambda run: -run.number)
