"""One poller for all viewers: CloudWatch is asked by the scheduler alone, however many look and however long AWS takes.

Viewers leave their wish (`want`) and read what is stored. An answer that does not come leaves the last one in its place, with its age; why
it did not come stands in the `Watched` row of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from estate import observe
from estate.models import Watched
from estate.sightings import News, Subject
from monitoring.dashboards import body, classic, document
from monitoring.dashboards.definition import Dashboard
from monitoring.dashboards.figures import packed
from monitoring.dashboards.models import BalancerName, StoredDashboard, Window
from monitoring.dashboards.queries import requests
from monitoring.dashboards.spans import USUAL, BadSpan, Span, span_of
from remote.aws import balancer, dashboards
from remote.aws.session import Patience
from remote.errors import NotFound

DEFINITIONS = "dashboards"  # the name of their Watched row
DEFINITIONS_EVERY = 60.0
JUST_NOW = timedelta(seconds=10)  # CloudWatch dates a change to a second: another may follow within the same one, and clocks differ
STILL_WANTED = timedelta(minutes=5)
MOST_WINDOWS = 100
_PATIENCE = Patience(connect=3.0, read=15.0)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one reading of the definitions found."""

    names: tuple[str, ...]
    bodies: Mapping[str, tuple[str, str]]  # name -> (modified, body), of those that are new or changed, or were a moment before
    balancers: Mapping[str, classic.Balancer]


def watch() -> None:
    """Reads the definitions and every window that somebody wants, as far as they are due. The production dashboard is always wanted."""
    now = timezone.now()
    production = document.production()
    if production is not None:
        want(production.name, span_of(USUAL))
    _forget_failures_of_the_unwanted(now)
    observe.look([_definitions(), *_windows(now)])


def _forget_failures_of_the_unwanted(now: datetime) -> None:
    """What nobody looks at any more is not asked again: its last failure would stand as a silent source for ever."""
    unwanted = [row_of(window) for window in Window.objects.filter(wanted__lt=now - STILL_WANTED).only("pk")]
    Watched.objects.filter(name__in=unwanted).exclude(error="").delete()


def want(dashboard: str, span: Span) -> Window:
    """The window as it is; from now on somebody wants it. Old wishes make room for new ones."""
    now = timezone.now()
    window, created = Window.objects.get_or_create(dashboard=dashboard, span=span.key, defaults={"wanted": now})
    if created:
        for old in Window.objects.order_by("-wanted", "-pk")[MOST_WINDOWS:]:
            Watched.objects.filter(name=row_of(old)).delete()
            old.delete()
    elif now - window.wanted > STILL_WANTED / 10:
        Window.objects.filter(pk=window.pk).update(wanted=now)
    return window


def row_of(window: Window) -> str:
    """The name of its Watched row."""
    return f"figures:{window.pk}"


def read(row: StoredDashboard) -> Dashboard:
    """As values, classic names translated. Read again only where the JSON, or what there is of balancers, has changed."""
    known = balancers()
    of = (row.body, tuple(sorted((name, each) for name, each in known.items())))
    if (found := _reads.get(row.name)) is None or found[0] != of:
        found = _reads[row.name] = (of, classic.translated(body.read(row.name, row.body), known))
    return found[1]


_reads: dict[str, tuple[object, Dashboard]] = {}


def balancers() -> dict[str, classic.Balancer]:
    return {row.name: classic.Balancer(row.balancer, tuple(row.groups)) for row in BalancerName.objects.all()}


# -- The definitions


def _definitions() -> Subject:
    have = dict(StoredDashboard.objects.filter(gone=None).values_list("name", "modified"))
    return Subject(DEFINITIONS, DEFINITIONS_EVERY, lambda: _ask_definitions(have), _keep_definitions)


def _ask_definitions(have: Mapping[str, str]) -> _Read:
    now, entries = timezone.now(), dashboards.dashboards(patience=_PATIENCE)
    bodies: dict[str, tuple[str, str]] = {}
    for entry in entries:
        modified = f"{entry.modified}/{entry.size}"
        if have.get(entry.name) != modified:
            try:
                settled = entry.modified is None or now - entry.modified > JUST_NOW
                bodies[entry.name] = (modified if settled else "", dashboards.dashboard_body(entry.name, patience=_PATIENCE))
            except NotFound:
                continue  # deleted since it was listed
    groups = balancer.target_groups(patience=_PATIENCE)
    found = {
        each.name: classic.Balancer(
            each.arn.partition(":loadbalancer/")[2], tuple(group.arn.rpartition(":")[2] for group in groups if each.arn in group.balancers)
        )
        for each in balancer.load_balancers(patience=_PATIENCE)
    }
    return _Read(tuple(entry.name for entry in entries), bodies, found)


def _keep_definitions(found: _Read) -> News:
    now, before = timezone.now(), balancers()
    for name, (modified, text) in found.bodies.items():
        StoredDashboard.objects.update_or_create(name=name, defaults={"body": text, "modified": modified, "read": now, "gone": None})
    StoredDashboard.objects.filter(name__in=found.names).update(read=now, gone=None)
    gone = StoredDashboard.objects.filter(gone=None).exclude(name__in=found.names).update(gone=now)
    if before != found.balancers:
        BalancerName.objects.all().delete()
        BalancerName.objects.bulk_create(
            BalancerName(name=name, balancer=each.balancer, groups=list(each.groups)) for name, each in found.balancers.items()
        )
    if changed := [*found.bodies]:  # their figures are those of another dashboard
        Watched.objects.filter(name__in=[row_of(window) for window in Window.objects.filter(dashboard__in=changed)]).update(tried=None)
    return News(bool(found.bodies or gone or before != found.balancers))


# -- The figures


def _windows(now: datetime) -> list[Subject]:
    wanted = Window.objects.filter(wanted__gte=now - STILL_WANTED).defer("figures")
    drawn = {row.name: read(row) for row in StoredDashboard.objects.filter(name__in={window.dashboard for window in wanted})}
    return [
        _figures(window, span, drawn[window.dashboard])
        for window in wanted
        if window.dashboard in drawn and (span := _span(window)) is not None and not (window.made and span.is_settled(window.made))
    ]


def _span(window: Window) -> Span | None:
    try:
        return span_of(window.span)
    except BadSpan:
        return None


def _figures(window: Window, span: Span, dashboard: Dashboard) -> Subject:
    def ask() -> tuple[datetime, bytes]:
        now = timezone.now()
        return now, packed(dashboard, span, now, [(request, request.send()) for request in requests(dashboard, span, now)])

    def keep(found: tuple[datetime, bytes]) -> News:
        made, figures = found
        Window.objects.filter(pk=window.pk).update(made=made, figures=figures)
        return News(changed=False)

    return Subject(row_of(window), span.every, ask, keep)
