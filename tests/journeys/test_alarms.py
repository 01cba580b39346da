"""An alarm through a real browser: the console subscribes, the database gets busy, somebody acknowledges, it recovers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.browser import PHONE, Demo, violations, wait_until
from tests.journeys.conftest import Arrives

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

CPU = "DB CPU Prod"


@pytest.fixture(autouse=True)
def a_quiet_database_stays(demo: Demo) -> Iterator[None]:
    yield
    demo.act("database", kind="cpu", state="calm")


def test_an_alarm_comes_to_the_screen_is_acknowledged_and_goes(arrives: Arrives, demo: Demo) -> None:
    person = arrives("releaser")
    person.go("/alarms/")
    person.reads("Plan the subscription", seconds=120)
    assert violations(person.page) == []
    person.keeps("alarms")
    person.page.click("text=Plan the subscription…")
    person.page.wait_for_url("**/alarms/plans/**")
    person.page.click("main button.primary")
    person.page.wait_for_url("**/runs/**")
    person.reads("the subscription is confirmed", seconds=120)

    demo.act("database", kind="cpu", state="busy")
    person.go("/alarms/")
    person.reads("since", seconds=60)
    wait_until(lambda: person.page.locator(".banner.bad", has_text=CPU).count() > 0, seconds=120, what="the alarm")
    person.keeps("alarms-firing")
    person.page.locator(".banner.bad", has_text=CPU).locator("a").click()
    person.page.fill("[name=note]", "A reindex; it ends at eight")
    person.page.get_by_role("button", name="Acknowledge").click()
    person.reads("A reindex; it ends at eight", seconds=60)
    assert violations(person.page) == []
    person.keeps("alarm-acknowledged")

    demo.act("database", kind="cpu", state="calm")
    wait_until(lambda: person.page.locator("td", has_text="ALARM → OK").count() > 0, seconds=120, what="the recovery")
    person.keeps("alarm-recovered")

    phone = arrives("viewer", theme="dark", size=PHONE)
    phone.go("/alarms/")
    phone.reads(CPU, seconds=60)
    assert violations(phone.page) == []
    phone.keeps("alarms-phone-dark")
