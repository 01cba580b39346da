"""A dashboard in a browser: one cursor through all charts, a zoom by drag and by keys, and what neither of them builds anew."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from monitoring.alarms.models import Alarm
from monitoring.dashboards import watching
from monitoring.dashboards.models import StoredDashboard, Window
from people.models import Operator
from tests.journeys.browser import Person, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]
CHARTS, POINTS, GAP = 3, 720, (300, 360)
VIEW = "document.querySelector('[data-plot] > svg svg').getAttribute('viewBox')"
SEEN = "[...document.querySelectorAll('i.cross')].filter((each) => each.checkVisibility()).length"


@pytest.fixture
def stored(db: None) -> str:
    """Twelve hours of it, as they were read a moment ago: values that count up, with an hour in which nothing came."""
    now = timezone.now()
    metric = ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "client-magento-prod"]
    widgets = [{"type": "metric", "properties": {"title": f"Chart {n}", "metrics": [metric], "period": 60}} for n in range(CHARTS)]
    arn = "arn:aws:cloudwatch:eu-west-3:123456789012:alarm:"
    widgets.append({"type": "alarm", "properties": {"title": "Ring", "alarms": [f"{arn}Busy", f"{arn}Gone"]}})
    row = StoredDashboard.objects.create(name="shop", body=json.dumps({"widgets": widgets}), modified="1", read=now)
    end = int(now.timestamp()) // 60 * 60
    values = [None if GAP[0] <= n < GAP[1] else n for n in range(POINTS)]
    lines = [
        {"key": line.key, "widget": widget.key, "step": 60, "start": end - 60 * POINTS, "values": values}
        for widget in watching.read(row).widgets
        for line in widget.shown
    ]
    figures = {"from": end - 60 * POINTS, "to": end, "made": end, "lines": lines}
    Window.objects.create(dashboard="shop", span="12h", wanted=now, made=now, figures=gzip.compress(json.dumps(figures).encode()))
    Alarm.objects.create(name="Busy", definition={}, state="OK", since=now - timedelta(days=1), changed=now, seen=now)
    return "/monitoring/shop/"


@pytest.fixture
def person(browser: Browser, live_server: LiveServer, stored: str, viewer: Operator) -> Iterator[Person]:
    person = Person(browser, live_server.url)
    person.context.route_web_socket("**/ws/**", lambda socket: None)  # the test's server has none: it is open, and silent
    person.sign_in("viewer", "viewer-long-enough")
    person.go(stored)
    person.page.locator("[data-charts][data-drawn]").wait_for()
    yield person
    person.leaves()


def test_an_alarm_widget_tells_what_its_alarms_are_now(person: Person) -> None:
    told = person.page.locator("[data-alarm]")
    assert told.all_inner_texts() == ["OK 1 d 00 h", "not among the alarms that were read"]


def test_the_cursor_goes_through_all_charts_and_says_what_is_there(person: Person) -> None:
    page = person.page
    shown = page.locator("[data-values] dd")
    assert shown.first.inner_text() == str(POINTS - 1)
    page.evaluate("window.kept = [...document.querySelectorAll('[data-values] dd, [data-plot] path')]")
    page.locator("[data-plot]").first.focus()
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    assert page.evaluate(SEEN) == CHARTS + 1  # and the alarm's lane
    assert shown.all_inner_texts() == ["10"] * CHARTS
    assert page.locator("[data-at]").inner_text().startswith("at ")
    box = page.locator("[data-plot]").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * (GAP[0] + GAP[1]) / 2 / POINTS, box["y"] + 20)
    page.locator("[data-values] dd", has_text="no data").first.wait_for()
    page.mouse.move(5, 5)
    page.locator("[data-values] dd", has_text=str(POINTS - 1)).first.wait_for()
    assert page.evaluate(SEEN) == 0
    assert page.evaluate("window.kept.every((each) => each.isConnected)")
    assert violations(page) == []


def test_figures_grow_old_while_none_come(person: Person) -> None:
    aged = person.page.locator("[data-values] > span")
    before = aged.all_inner_texts()
    assert len(before) == CHARTS
    assert all(each.startswith("newest ") for each in before)
    person.page.wait_for_function(
        "(words) => [...document.querySelectorAll('[data-values] > span')].every((each) => each.textContent !== words)",
        arg=before[0],
        timeout=8_000,
    )


def test_a_zoom_moves_the_lines_and_builds_none_anew(person: Person) -> None:
    page = person.page
    whole = page.evaluate(VIEW)
    page.evaluate("window.kept = [...document.querySelectorAll('[data-values] dd, [data-plot] path')]")
    box = page.locator("[data-plot]").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20, steps=3)
    page.locator("i.drag:visible").first.wait_for()
    page.mouse.up()
    page.locator("[data-back]").wait_for()
    start, _, width, _ = (float(each) for each in page.evaluate(VIEW).split())
    assert abs(start - 60 * POINTS / 4) < 300
    assert abs(width - 60 * POINTS / 4) < 300
    assert page.locator("i.drag:visible").count() == 0
    page.locator("[data-plot]").first.focus()
    page.keyboard.press("+")
    assert float(page.evaluate(VIEW).split()[2]) < width
    page.keyboard.press("Escape")
    assert page.evaluate(VIEW) == whole
    assert not page.locator("[data-back]").is_visible()
    assert page.evaluate("window.kept.every((each) => each.isConnected)")
