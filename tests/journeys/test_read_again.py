"""A page that reads itself again: what is refused or breaks on the way leaves what stands there, and nothing takes its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from people.models import Operator
from tests.journeys.browser import Person, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def may_ask_from_a_loop() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture
def person(browser: Browser, live_server: LiveServer, viewer: Operator) -> Iterator[Person]:
    person = Person(browser, live_server.url, sockets=False).sign_in("viewer", "viewer-long-enough")
    yield person
    theirs = ("Failed to load resource", "Failed to fetch")  # the browser and htmx say that, too
    person.complaints = [each for each in person.complaints if not any(words in each for words in theirs)]
    person.leaves()


@pytest.mark.parametrize("status", [200, 403, 405, 502])
def test_what_is_no_answer_takes_nothing_away(person: Person, status: int) -> None:
    page, asked = person.page, list[str]()
    assert page.locator("#live h2").count() > 3

    def answer(route: object) -> None:
        asked.append(route.request.url)  # type: ignore[attr-defined]
        route.fulfill(status=status, content_type="text/html", body="<h1>Bad gateway</h1>")  # type: ignore[attr-defined]

    page.route(lambda url: "/?environment=" in url or url.endswith("/bar/"), answer)
    wait_until(
        lambda: page.title() != "" and len(asked) > 1, seconds=60, what="the page's next look"
    )  # routes are served while it is asked
    page.wait_for_timeout(300)
    gone = page.locator("#live h2").count() == 0
    assert gone == (status == 200), page.inner_text("main")


def test_who_hears_nothing_says_so_until_it_is_heard_again(person: Person) -> None:
    page = person.page
    notice, light = page.locator("[data-unheard]"), page.locator(".news .g-ok, .news .g-unknown")
    assert notice.is_hidden()
    page.route("**/*", lambda route: route.abort())
    wait_until(notice.is_visible, seconds=60, what="the notice")
    assert "Nothing has been heard from the console for 2" in notice.inner_text()
    assert page.locator(".news .g-ok:visible").count() == 0
    person.keeps("unheard")
    page.unroute("**/*")
    wait_until(notice.is_hidden, seconds=60, what="the console's word")
    assert light.count() == 1
