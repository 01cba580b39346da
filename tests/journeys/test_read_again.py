"""A page that reads itself again: what is refused or breaks on the way leaves what stands there, and nothing takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from deployments import bookings, gates
from people.models import Operator, Role
from tests import scenery
from tests.journeys.browser import Person, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def person(browser: Browser, live_server: LiveServer, viewer: Operator) -> Iterator[Person]:
    person = Person(browser, live_server.url, sockets=False).sign_in("viewer", "viewer-long-enough")
    yield person
    theirs = ("Failed to load resource", "Failed to fetch")  # the browser and htmx say that, too
    person.complaints = [each for each in person.complaints if not any(words in each for words in theirs)]
    person.leaves()


@pytest.mark.parametrize("status", [200, 403, 405, 502])
def test_what_is_no_answer_takes_nothing_away(person: Person, status: int) -> None:
    page = person.page
    assert page.locator("#live h2").count() > 3
    page.evaluate("document.addEventListener('htmx:finally:swap', () => { window.swaps = (window.swaps ?? 0) + 1; })")

    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="text/html", body="<title>Bad</title><h1>Bad gateway</h1>")

    page.route(lambda url: "/?environment=" in url, answer)
    wait_until(lambda: page.evaluate("window.swaps ?? 0") > 2, seconds=60, what="the page's next looks")
    taken = page.locator("#live h2").count() == 0
    assert taken == (page.title() == "Bad") == (status == 200), page.inner_text("main")


def nobody_there(route: Route) -> None:
    route.abort()


def proxy_without_a_console(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")


@pytest.mark.parametrize("silence", [nobody_there, proxy_without_a_console])
def test_who_hears_nothing_says_so_until_it_is_heard_again(person: Person, silence: Callable[[Route], None]) -> None:
    page = person.page
    notice, light = page.locator("[data-unheard]"), page.locator(".news .g-ok, .news .g-unknown")
    assert notice.is_hidden()
    passed = "<time id=passed data-tick=since datetime=${new Date().toISOString()}></time>"
    page.evaluate(f"document.body.insertAdjacentHTML('beforeend', `{passed}`)")
    page.route("**/*", silence)
    wait_until(notice.is_visible, seconds=60, what="the notice")
    assert "Nothing has been heard from the console for 2" in notice.inner_text()
    assert page.locator(".news .g-ok:visible").count() == 0
    page.wait_for_timeout(2500)  # its clock ticks once a second
    counted = page.locator("#passed").inner_text()
    page.wait_for_timeout(2500)
    assert page.locator("#passed").inner_text() == counted, "what nobody has heard of is counted on"
    person.keeps("unheard")
    page.unroute("**/*")
    wait_until(notice.is_hidden, seconds=60, what="the console's word")
    wait_until(lambda: page.locator("#passed").inner_text() != counted, seconds=10, what="the time that has passed meanwhile")
    assert light.count() == 1


def test_whoever_is_signed_out_is_sent_to_the_sign_in_and_back(person: Person) -> None:
    person.go("/?environment=pre-production")
    person.context.clear_cookies()
    person.page.wait_for_url(re.compile(r"/sign-in/\?next="), timeout=60_000)
    person.page.fill("[name=username]", "viewer")
    person.page.fill("[name=password]", "viewer-long-enough")
    person.page.click("button.primary")
    person.page.wait_for_url(re.compile(r"/\?environment=pre-production$"), timeout=60_000)


def test_what_is_typed_stays_while_the_plan_waits_for_its_time(
    person: Person, viewer: Operator, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why it cannot wait, written at night beside a queue that reads itself again; and when it waits no longer, the page says so."""
    monkeypatch.setattr(gates, "evaluate", lambda asked: [])
    viewer.role = Role.ADMIN
    viewer.save()
    window = '{reason: Christmas sales, environments: [production], from: "2000-01-01 00:00", until: "2100-01-01 00:00"}'
    settings.ESTATE_FILE = tmp_path / "estate.yaml"
    settings.ESTATE_FILE.write_text(Path("estate.yaml").read_text().replace("freezes: []", f"freezes:\n  - {window}"))
    scenery.observed()
    plan = scenery.plan(viewer)
    booking = bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=viewer)
    page = person.page
    person.go(f"/plans/{plan.pk}/")
    assert "It starts by itself" in page.inner_text("#said")
    page.fill("#glass", "orders are lost")
    with page.expect_response(lambda answer: answer.url.endswith(f"/plans/{plan.pk}/"), timeout=30_000):
        pass
    bookings.cancel(booking, by=viewer)
    wait_until(lambda: "cancelled" in page.inner_text("#later"), seconds=30, what="the page's next look")
    assert page.input_value("#glass") == "orders are lost"
    assert "It starts only by a person" in page.inner_text("#said")
    assert page.locator("#later [name=when]").count() == 2
