"""The pages follow the estate: for each alarm of estate.yaml and each widget of the document, what is behind it is changed in the sandbox.

The tables below are held against the declarations: an alarm or a widget without a truth of its own fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from estate.reading import current
from monitoring.alarms import poller
from monitoring.dashboards import document, watching
from monitoring.dashboards.definition import Line, Widget
from monitoring.dashboards.figures import unpacked, values_of
from monitoring.dashboards.models import StoredDashboard, Window
from people.models import Operator
from tests.box import Control
from tests.monitoring.dashboards.conftest import PRODUCTION, poll, put  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db
Do = Callable[[Control], None]
Held = TypeVar("Held")
Poll = Callable[..., Window]
LONG = 120.0  # seconds: a guard against hangs


def fault(kind: str) -> Do:
    return lambda control: control.fault(kind, times=-1)


def act(name: str, **options: str) -> Do:
    return lambda control: control.act(name, **options)


HEALTH_LASTED = act("lasted", minutes="20")
# What makes it alarm, and what mends it; again and again, until the estate itself is so.
ALARMS: dict[str, tuple[Do, Do, Do]] = {
    "DB CPU Prod": (fault("database-busy"), act("database", kind="cpu", state="busy"), act("database", kind="cpu", state="calm")),
    "awsrds-client-magento-prod-High-DB-Connections": (
        fault("database-connections"),
        act("database", kind="connections", state="busy"),
        act("database", kind="connections", state="calm"),
    ),
    "Prod eb health": (fault("database-down"), HEALTH_LASTED, HEALTH_LASTED),
    **{
        f"{link} VPN status": (
            act("ipsec", link=link, state="down", minutes="20"),
            lambda control: None,
            act("ipsec", link=link, state="up", minutes="20"),
        )
        for link in ("DLM-Lan", "DLM-Ml", "DLM-Cetsi")
    },
}


def some(values: list[Any]) -> float:
    return max((value for value in values if value is not None), default=0.0)


def newest(values: list[Any]) -> Any:
    return next((value for value in reversed(values) if value is not None), None)


def below(limit: float) -> Callable[[list[Any]], bool]:
    return lambda values: some(values) < limit


def always(values: list[Any]) -> bool:
    return True


# What is changed, when it is calm before that, and how the change shows in the figures of the widget's lines.
WIDGETS: dict[str, tuple[Do, Callable[[list[Any]], bool], Callable[[list[Any], list[Any]], bool]]] = {
    "Environment Health": (fault("database-down"), below(15), lambda before, after: some(after) >= 15),
    "Application requests stats": (
        fault("database-down"),
        always,
        lambda before, after: after[1] > before[1] and (after[3] or 0) > 0,
    ),
    "LoadAverage5min EC2 instances": (act("someone-else"), below(1), lambda before, after: some(after) > some(before) + 0.5),
    "RDS instance CPU utilization": (fault("database-busy"), below(70), lambda before, after: some(after) > 70),
    "Backend latency": (fault("slow-pages"), below(1), lambda before, after: some(after) > some(before) + 1),
    "CPU usage Redis": (fault("cache-busy"), below(40), lambda before, after: some(after) > 40),
    "Backend request status": (fault("database-down"), always, lambda before, after: after[2] > before[2]),
}


@pytest.fixture
def control(sandbox: dict[str, str], valkey: object) -> Iterator[Control]:
    page = Control(sandbox)
    page.clear()
    yield page
    page.clear()
    page.close()


def until(holds: Callable[[], Held | None], what: str) -> Held:
    deadline = time.monotonic() + LONG
    while not (held := holds()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.2)
    return held


def test_each_alarm_and_each_widget_has_a_truth() -> None:
    assert set(ALARMS) == set(current().alarms)
    assert list(WIDGETS) == [widget.title for widget in document.WIDGETS]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_follows(control: Control, viewer: Operator, client: Client, name: str) -> None:
    client.force_login(viewer)

    def state() -> str:
        poller.poll()
        listed = {each["name"]: each for each in client.get("/api/v1/alarms").json()["items"]}
        page = client.get(reverse("alarms:detail", args=(name,))).content.decode()
        assert listed[name]["reason"].split("[")[0][:40] in page
        return str(listed[name]["state"])

    change, goes_on, mend = ALARMS[name]

    def settles(do: Do, wanted: str) -> bool:
        do(control)
        return state() == wanted

    until(lambda: settles(mend, "OK"), "calm")
    change(control)
    until(lambda: settles(goes_on, "ALARM"), "the alarm")
    control.clear()
    until(lambda: settles(mend, "OK"), "the recovery")


@pytest.mark.parametrize("title", WIDGETS)
def test_a_widget_follows(control: Control, poll: Poll, viewer: Operator, client: Client, title: str) -> None:  # noqa: F811
    client.force_login(viewer)
    change, is_calm, follows = WIDGETS[title]

    def widget() -> Widget:
        return next(each for each in watching.read(StoredDashboard.objects.get(name=PRODUCTION)).widgets if each.title == title)

    first: dict[str, int] = {}  # of what is counted, the period that was the newest at first: what is older falls out of the answer

    def counted(line: dict[str, Any]) -> float:
        filled = [(begins, value) for begins, value in values_of(line) if value is not None]
        since = first.setdefault(line["key"], filled[-1][0] if filled else 0)
        return sum(value for begins, value in filled if begins >= since)

    def figures() -> list[Any]:
        """Of each line, as the page gets it: the newest, which has been so for some minutes; of what is counted the sum."""
        for line in widget().lines:
            _lasted(control, line)
        poll()
        answer = client.get(reverse("monitoring:figures", args=(PRODUCTION,)), {"span": "1h"})
        lines = {line["key"]: line for line in unpacked(answer.content)["lines"]}
        return [counted(lines[line.key]) if line.statistic == "Sum" else newest(lines[line.key]["values"]) for line in widget().shown]

    def calm() -> list[Any] | None:
        found = figures()
        return found if is_calm(found) else None

    poll()
    before = until(calm, "calm")
    change(control)
    until(lambda: follows(before, figures()), f"another figure than {before}")


def _lasted(control: Control, line: Line) -> None:
    """Only of what is a state: what is counted is counted on by itself."""
    if not line.metric or line.statistic == "Sum":
        return
    dimension = ",".join(f"{name}={value}" for name, value in line.dimensions.items())
    with suppress(httpx.HTTPStatusError):  # nothing of it was ever recorded
        control.act("lasted", namespace=line.namespace, metric=line.metric, dimension=dimension, minutes="3")
