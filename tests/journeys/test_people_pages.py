"""People, one's own sign-in and the audit trail in a real browser: accessible in both lights, no wider than a phone, no complaint."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from people import audit
from people.models import Operator, Token
from tests.journeys.browser import PHONE, WIDE, Person, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def filled(admin: Operator, viewer: Operator, releaser: Operator) -> None:
    Token.issue(releaser, "nightly build", lives=timedelta(days=30), scope="act", environment="pre-production")
    audit.record("start release", by=releaser, target="Release Magento production, r418", why="hot fix of the cart", origin="203.0.113.7")
    audit.record(
        "effect", by=None, target="beanstalk.update on magento-front", result="failed", why="fe-2 answers 500", facts={"effect": "u"}
    )
    audit.record(
        "release", by=viewer, target="production", result="refused", why="You are a viewer; one has to be a releaser. Ask an admin."
    )


@pytest.mark.parametrize("theme, size", [("light", WIDE), ("dark", PHONE)], ids=["light", "dark-phone"])
def test_they_can_be_read_by_everybody(
    browser: Browser, live_server: LiveServer, filled: None, releaser: Operator, theme: str, size: tuple[int, int]
) -> None:
    person = Person(browser, live_server.url, sockets=False, theme=theme, size=size).sign_in("admin", "admin-long-enough")
    for name, path in (("list", "/people/"), ("person", f"/people/{releaser.pk}/"), ("account", "/account/"), ("audit", "/audit/")):
        assert person.go(path) == 200
        person.keeps(f"people-{name}-{theme}")
        assert violations(person.page) == []
        assert person.page.evaluate("document.documentElement.scrollWidth") <= size[0], f"{path} is wider than the screen"
    for result in ("failed", "refused"):  # at the audit trail, on a phone, too
        assert person.page.locator("main").get_by_text(result, exact=True).first.is_visible()
    tabs = person.page.locator(".tabbar a")
    assert len({tab.bounding_box()["y"] for tab in tabs.all() if tab.is_visible()}) <= 1  # type: ignore[index]
    person.leaves()
