"""The demo's wall in a browser: a release explains one alarm, a busy database raises another, somebody looks after it, both recover."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator

from tests.journeys.browser import PHONE, WIDE, Demo, Person, violations, wait_until
from tests.journeys.conftest import Arrives
from tests.journeys.releasing import ends, plans, starts, told

pytestmark = [pytest.mark.browser, pytest.mark.timeout(500)]

CPU, HEALTH = "DB CPU Prod", "Prod eb health"
ALARMS, WIDGETS = 6, 7  # of the document
LONG = 150.0  # seconds: a guard against hangs
PAGES = {
    "monitoring": "/monitoring/",
    "wall": "/monitoring/?wall=1",
    "alarms": "/alarms/",
    "alarm": "/alarms/one/DB%20CPU%20Prod/",
    "health": "/health/",
    "deadlines": "/deadlines/",
    "notifications": "/notifications/",
}


@pytest.fixture(autouse=True)
def a_quiet_database_stays(demo: Demo) -> Iterator[None]:
    yield
    demo.act("database", kind="cpu", state="calm")


def lane(person: Person, alarm: str) -> Locator:
    return person.page.locator("[data-lanes] .swim", has_text=alarm)


def mails(demo: Demo) -> list[str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{demo.sandbox}/sim/state", timeout=20) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["messages"]
    return [each["title"] for each in found]


def again(holds: Callable[[], bool], act: Callable[[], None], what: str) -> None:
    """Does it until it holds; not so often that nothing else is done."""

    def done() -> bool:
        act()
        until = time.monotonic() + 3
        while time.monotonic() < until:
            if holds():
                return True
            time.sleep(0.1)
        return False

    wait_until(done, seconds=LONG, what=what)


def test_a_release_and_a_busy_database_on_the_wall(arrives: Arrives, demo: Demo) -> None:
    person, wall = arrives("releaser"), arrives("viewer", theme="dark")
    person.go("/alarms/")
    person.reads("Plan the subscription", seconds=LONG)
    wait_until(
        lambda: person.page.locator(".alarms .is", has_text="agrees").count() == ALARMS, seconds=LONG, what="all alarms, as declared"
    )
    person.page.click("text=Plan the subscription…")
    person.page.wait_for_url("**/alarms/plans/**")
    person.page.click("main button.primary")
    person.page.wait_for_url("**/runs/**")
    person.reads("Done: subscribe the console", seconds=LONG)
    person.go("/notifications/")
    person.page.click("text=Add the channel")
    person.reads("releaser@client.url")

    person.go("/alarms/one/DB%20CPU%20Prod/")  # a month of it, from before the console was there
    assert person.page.locator("td", has_text="OK → ALARM").count() >= 3
    person.keeps("alarms-1-a-month")
    wall.go("/monitoring/?wall=1")
    lane(wall, CPU).locator(".st-ok").wait_for(timeout=60_000)
    assert wall.page.locator("[data-lanes] .swim").count() == ALARMS

    demo.act("push-commit")
    plans(person, "production")
    run = starts(person, "production")
    wait_until(lambda: "Deploy the" in told(person), seconds=LONG, what="a deployment")
    expected = lane(wall, HEALTH).locator("text=ALARM, expected")
    again(lambda: expected.count() > 0, lambda: demo.act("lasted", minutes="15"), "the alarm that a release explains")

    demo.act("database", kind="cpu", state="busy")
    lane(wall, CPU).locator(".st-bad").wait_for(timeout=LONG * 1000)
    wall.keeps("alarms-2-wall-dark")
    wait_until(lambda: f"ALARM: {CPU}" in " ".join(mails(demo)), seconds=LONG, what="the mail")
    assert not any(f"ALARM: {HEALTH}" in each for each in mails(demo)), "a release explains it: nobody is told"

    person.go("/alarms/")
    person.page.locator(".banner.bad", has_text=CPU).locator("a").click()
    person.page.fill("[name=note]", "A reindex; it ends at eight")
    person.page.get_by_role("button", name="Acknowledge").click()
    person.reads("A reindex; it ends at eight", seconds=60)
    assert violations(person.page) == []
    person.keeps("alarms-3-acknowledged")

    demo.act("database", kind="cpu", state="calm")
    lane(wall, CPU).locator(".st-ok").wait_for(timeout=LONG * 1000)
    wait_until(
        lambda: "ALARM → OK" in person.page.inner_text("tbody tr:first-child"), seconds=60, what="the recovery, on the page that was open"
    )
    person.go(f"/runs/{run}/")
    ends(person, "succeeded")
    again(lambda: lane(wall, HEALTH).locator(".st-ok").count() > 0, lambda: demo.act("lasted", minutes="20"), "health's recovery")
    wall.keeps("alarms-4-recovered-dark")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_monitoring_can_be_read_by_everybody(arrives: Arrives, theme: str) -> None:
    wide, phone = arrives("viewer", theme=theme, size=WIDE), arrives("viewer", theme=theme, size=PHONE)
    for name, path in PAGES.items():
        for person, width in ((wide, WIDE[0]), (phone, PHONE[0])):
            assert person.go(path) == 200
            if "monitoring" in path:
                person.page.locator("[data-charts][data-drawn]").wait_for(timeout=LONG * 1000)
            assert person.page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than {width}"
        assert violations(wide.page) == [], path
        wide.keeps(f"monitoring-{name}-{theme}")
    wide.go("/monitoring/")
    assert wide.page.locator(".items li", has_text="agrees").count() == WIDGETS
