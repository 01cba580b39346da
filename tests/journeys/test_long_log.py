"""A log of 200,000 lines in a real browser: few rows in the page, found and filtered at once, nothing lost and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from people.models import Operator
from runs.models import LogChunk, LogHead, Run
from tests import scenery
from tests.journeys.browser import Person, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.django_db(transaction=True)]

LINES = 200_000
CHUNK = 200


@pytest.fixture
def run(releaser: Operator) -> Run:
    found = scenery.rolling(releaser)
    LogChunk.objects.filter(run=found).delete()
    now = timezone.now()
    LogChunk.objects.bulk_create(
        LogChunk(
            run=found,
            seq_first=first,
            seq_last=first + CHUNK - 1,
            host=f"fe-{first // CHUNK % 4 + 1}",
            time=now,
            text="\n".join(_line(number) for number in range(first, first + CHUNK)),
        )
        for first in range(1, LINES + 1, CHUNK)
    )
    LogHead.objects.filter(run=found).update(next_seq=LINES + 1)
    return found


def _line(number: int) -> str:
    long = " and what it has to say goes on" * (number % 5)
    if number % 50_000 == 0:
        return f"line {number}{long} \x1b[31mERROR\x1b[0m: <b>nothing</b> is left"
    return f"line {number}{long}"


@pytest.fixture
def person(browser: Browser, live_server: LiveServer, run: Run, releaser: Operator) -> Iterator[Person]:
    found = Person(browser, live_server.url, sockets=False).sign_in("releaser", "releaser-long-enough")
    found.go(f"/runs/{run.number}/")
    yield found
    found.leaves()


def test_two_hundred_thousand_lines(person: Person) -> None:
    page = person.page
    state, view = page.locator("[data-log-state]"), page.locator("[data-log-view]")
    wait_until(lambda: "older" not in state.inner_text() and "Following" in state.inner_text(), seconds=60, what="all lines")
    assert "Line 200\u202f000" in state.inner_text()
    assert page.locator(".log.windowed li").count() < 120
    assert "line 200000" in page.locator(".log.windowed li").last.inner_text()

    frame = view.evaluate("""async (view) => {
      const took = [];
      for (let turn = 0; turn < 60; turn += 1) {
        const begin = performance.now();
        view.scrollTop = view.scrollHeight * ((turn * 37) % 60) / 60;
        await new Promise(requestAnimationFrame);
        took.push(performance.now() - begin);
      }
      return took.sort((one, other) => one - other)[30];
    }""")
    assert frame < 150, f"a jump takes {frame:.0f} ms"
    assert "Not following" in state.inner_text()

    page.fill("#find", "error: <b>")
    wait_until(lambda: "of 4" in page.inner_text("[data-log-hits]"), seconds=20, what="four hits")
    hit = page.locator(".log .at-hit")
    assert "line 50000" in hit.inner_text()
    assert "<b>nothing</b>" in hit.inner_text()  # text, never markup
    assert hit.locator(".a-red").inner_text() == "ERROR"
    page.keyboard.press("Enter")
    wait_until(lambda: "line 100000" in hit.inner_text(), seconds=5, what="the next hit")
    page.keyboard.press("Shift+Enter")
    wait_until(lambda: "line 50000" in hit.inner_text(), seconds=5, what="the hit before")

    page.click("[data-log-error]")
    assert "line 50000" in hit.inner_text()
    page.click("[data-host='fe-2']")
    wait_until(lambda: "50\u202f000 of fe-2" in state.inner_text(), seconds=10, what="the lines of one host")
    assert set(page.locator(".log.windowed .src").all_inner_texts()) == {"fe-2"}
    page.click("[data-log-follow]")
    assert "Following" in state.inner_text()
    person.keeps("long-log")


def test_lines_that_come_are_followed_until_the_person_scrolls_up(person: Person, run: Run) -> None:
    state, view = person.page.locator("[data-log-state]"), person.page.locator("[data-log-view]")
    wait_until(lambda: "older" not in state.inner_text() and "Following" in state.inner_text(), seconds=60, what="all lines")
    scenery.log(run, ("fe-1", "one more"), ("fe-9", "of a host that nobody knew"))
    wait_until(lambda: "200\u202f002" in state.inner_text(), seconds=20, what="the new lines, without a websocket")
    assert "of a host that nobody knew" in person.page.locator(".log.windowed li").last.inner_text()
    assert person.page.locator("[data-host='fe-9']").count() == 1
    view.hover()
    person.page.mouse.wheel(0, -600)
    wait_until(lambda: "Not following" in state.inner_text(), seconds=5, what="the end of following")
    top = view.evaluate("view => view.scrollTop")
    scenery.log(run, ("fe-1", "another"))
    wait_until(lambda: "200\u202f003" in state.inner_text(), seconds=20, what="the line that is not looked at")
    assert view.evaluate("view => view.scrollTop") == top
