"""What every page shows around its content: the environments, what is running, the age of the last news, who is signed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from deployments.models import Alert
from deployments.troubles import is_silent
from estate import reading
from estate.models import Watched
from estate.together import together
from monitoring.alarms.board import unread
from monitoring.alarms.models import Reading
from people.models import Role
from remote import observing
from runs.models import Drain
from runs.pages import Indicator, indicator

_MONITORING = tuple(f"monitoring:{name}" for name in ("production", "dashboard", "table"))
_RUNDECK = "deployments:rundeck"
_OWN = ("people:account", "people:account-token", "people:audit")
STALE_SECONDS = 60  # news older than this is said aloud


@dataclass(frozen=True, slots=True)
class Place:
    """An environment in the bar: where the switch leads from here."""

    key: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Page:
    """An entry of the navigation. Only pages that exist stand there."""

    name: str
    icon: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Shell:
    estate: str
    region: str
    zone: str
    now: datetime
    places: tuple[Place, ...]
    pages: tuple[Page, ...]
    indicator: Indicator | None
    news: datetime | None
    silent: int
    role: str
    alerts: tuple[Alert, ...]
    drained: Drain | None
    observes: bool = False  # nothing can be changed from here

    @property
    def stale(self) -> bool:
        """The newest answer says nothing of a source that gives none."""
        return bool(self.silent) or self.news is None or (self.now - self.news).total_seconds() > STALE_SECONDS


def shell(request: HttpRequest) -> dict[str, Any]:
    """Nothing of the estate for strangers: their pages need no more than the colours.

    Lazy: a view that has asked the same tables already passes a `shell` of its own, and nothing is asked twice.
    """
    shown: dict[str, Any] = {"theme": theme(request)}
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        shown["shell"] = SimpleLazyObject(lambda: _shell(request))
    return shown


def _shell(request: HttpRequest) -> Shell:
    told = around()
    return shell_of(request, told, indicator(timezone.now(), drained=told.drained is not None))


@dataclass(frozen=True, slots=True)
class Around:
    """What the shell tells of the whole estate and of the console."""

    alerts: Sequence[Alert]
    drained: Drain | None
    watched: Sequence[Watched]
    reading: Reading | None  # of CloudWatch's alarms

    def silent(self, now: datetime) -> int:
        """How many sources were asked and do not answer."""
        alarms = self.reading is not None and bool(unread(self.reading, now))
        return sum(is_silent(each, now) for each in self.watched) + alarms

    @property
    def news(self) -> datetime | None:
        """When the estate last answered."""
        return max((each.answered for each in self.watched if each.answered), default=None)


def around() -> Around:
    """One query."""
    return around_and()[0]


def around_and(*others: QuerySet[Any]) -> tuple[Around, list[list[Any]]]:
    """The same, and what else a page wants of small tables, in the same query."""
    alerts, drains, watched, readings, *rest = together(
        Alert.objects.filter(ended=None), Drain.objects.filter(is_on=True), Watched.objects.all(), Reading.objects.all(), *others
    )
    told = Around(alerts, drains[0] if drains else None, watched, readings[0] if readings else None)
    return told, rest


def shell_of(request: HttpRequest, told: Around, indicator: Indicator | None) -> Shell:
    estate, now = reading.current(), timezone.now()
    return Shell(
        estate=estate.name,
        region=estate.region,
        zone=str(estate.time_zone),
        now=now,
        places=_places(request),
        pages=_pages(request),
        indicator=indicator,
        news=told.news,
        silent=told.silent(now),
        role=Role(getattr(request.user, "role", Role.NONE)).label,
        alerts=tuple(told.alerts),
        drained=told.drained,
        observes=observing.is_on(),
    )


def theme(request: HttpRequest) -> str:
    """What the person chose; nothing leaves it to the system."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in ("light", "dark") else ""


def _places(request: HttpRequest) -> tuple[Place, ...]:
    """Environments that have something to release. The switch stays with the service that the page is about, where there is one."""
    estate, match = reading.current(), request.resolver_match
    service = match.kwargs.get("service", "") if match and match.view_name == "deployments:service" else ""
    keys = {target.environment.key for target in estate.targets}
    return tuple(
        Place(
            environment.key,
            environment.name,
            reverse("deployments:service", args=(service, environment.key))
            if service
            else f"{reverse('now')}?environment={environment.key}",
        )
        for environment in estate.environments.values()
        if environment.key in keys
    )


def _pages(request: HttpRequest) -> tuple[Page, ...]:
    here = request.resolver_match.view_name if request.resolver_match else ""
    return (
        Page("Now", "now", reverse("now"), here == "now"),
        Page("Services", "service", reverse("deployments:services"), here.startswith("deployments:") and not here.startswith(_RUNDECK)),
        Page("Runs", "run", reverse("runs:list"), here.startswith("runs:")),
        Page("Monitoring", "chart", reverse("monitoring:production"), here in _MONITORING),
        Page("Alarms", "alarm", reverse("alarms:list"), here.startswith("alarms:")),
        Page("Health", "health", reverse("monitoring:health"), here == "monitoring:health"),
        Page("Deadlines", "due", reverse("monitoring:deadlines"), here == "monitoring:deadlines"),
        *([Page("Rundeck", "service", reverse(_RUNDECK), here.startswith(_RUNDECK))] if reading.current().rundeck else []),
        Page("Access", "key", reverse("access:vpn"), here.startswith("access:")),
        Page("Estate", "estate", reverse("handover:estate"), here in ("handover:estate", "handover:resource", "handover:topology")),
        Page("Hand-over", "doc", reverse("handover:claims"), here in ("handover:claims", "handover:claim")),
        Page("People", "people", reverse("people:list"), here.startswith("people:") and here not in _OWN),
        Page("Audit", "audit", reverse("people:audit"), here == "people:audit"),
    )
