"""Releases through a real browser, against the whole demo: web, workers, scheduler, and the estate in a box over its wires.

Each journey leaves screenshots under `screenshots/`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.browser import PHONE, Demo, Person, violations, wait_until
from tests.journeys.conftest import Arrives
from tests.journeys.releasing import LONG, ends, plans, starts, told

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def numbers(person: Person) -> list[int]:
    """Of the lines that the viewer holds, from top to bottom: scrolled through, as a person would."""
    seen: set[int] = set()
    view = person.page.locator("[data-log-view]")
    height = int(view.evaluate("view => view.scrollHeight"))
    for top in range(0, height + 400, 400):
        view.evaluate("(view, top) => { view.scrollTop = top; }", top)
        person.page.wait_for_timeout(30)
        seen.update(int(text) for text in person.page.locator(".log.windowed .no").all_inner_texts())
    return sorted(seen)


def follows_to(person: Person, last: int) -> None:
    said = person.page.locator("[data-log-state]")
    wait_until(lambda: f"Line {last}," in said.inner_text().replace("\u202f", ""), seconds=20, what=f"line {last}")


def head(person: Person, run: int) -> int:
    found: Any = person.page.evaluate("async (url) => (await (await fetch(url)).json()).head", f"/runs/{run}/log.json?after=0")
    return int(found)


def test_production_is_released_and_the_shop_is_open_again(arrives: Arrives, demo: Demo) -> None:
    person = arrives("releaser")
    person.reads("What can I release?")
    person.keeps("success-1-now")
    demo.act("push-commit")
    plans(person, "production")
    person.reads("Nothing has been changed yet.")
    person.keeps("success-2-plan")
    run = starts(person, "production")
    wait_until(lambda: "Deploy the front end" in told(person), seconds=LONG, what="the front end's turn")
    wait_until(lambda: person.page.locator(".lane.on").count() == 1, seconds=LONG, what="a lane that moves")
    person.keeps("success-3-run")
    assert violations(person.page) == []
    ends(person, "succeeded")
    person.reads("Done: r")
    person.reads("13 of 13 steps done")
    assert person.page.locator(".lane .st-ok", has_text="Done").count() == 5
    last = head(person, run)
    follows_to(person, last)
    assert numbers(person) == list(range(1, last + 1))
    person.keeps("success-4-done")
    person.go("/")
    person.reads("5 of 5")
    assert violations(person.page) == []


def test_a_host_fails_and_the_release_is_launched_again(arrives: Arrives, demo: Demo) -> None:
    person = arrives("releaser", theme="dark")
    demo.fault("command-fails", host="fe-2", options={"command": "03_di_compile"})
    plans(person, "production")
    failed = starts(person, "production")
    ends(person, "failed")
    person.reads("fe-2 failed: Command 03_di_compile.")
    for words in ("i-012e92fb498ad40d7", "10.0.102.37", "/var/log/eb-activity.log", "ssh 10.0.102.37 -t", "waits for you"):
        person.reads(words)
    assert person.page.locator(".lane.fail .phases").count() == 1
    assert person.page.locator(".log.two .er").count() == 1
    person.keeps("failure-1-dark")
    assert violations(person.page) == []
    person.page.reload()
    person.reads("fe-2 failed: Command 03_di_compile.")

    phone = arrives("viewer", size=PHONE)
    phone.go(f"/runs/{failed}/")
    phone.reads("fe-2 failed")
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.keeps("failure-2-phone")

    person.page.click("text=Plan this")
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    person.reads(f"Against run {failed}, which failed")
    wait_until(lambda: person.page.locator(".gates > li").count() > 10, seconds=60, what="the gates")
    person.keeps("failure-3-relaunch")
    again = starts(person, "production")
    assert again > failed
    person.reads(f"takes over from run {failed}")
    ends(person, "succeeded")
    person.keeps("failure-4-mended")


def test_one_run_seen_by_two_viewers_after_a_reload_and_by_a_late_joiner(arrives: Arrives) -> None:
    first, second = arrives("operator"), arrives("viewer", theme="dark", size=PHONE)
    plans(first, "pre-production")
    run = starts(first, "pre-production")
    second.go(f"/runs/{run}/")
    wait_until(lambda: "Deploy the" in told(first), seconds=LONG, what="a deployment")
    wait_until(lambda: "Deploy the" in told(second), seconds=20, what="the same at the other viewer")
    assert second.page.locator("a.btn.danger").count() == 0  # a viewer has nothing to press
    second.reads("one has to be an operator")
    first.keeps("two-viewers-1")
    second.keeps("two-viewers-2-phone-dark")

    before = head(first, run)
    first.page.reload()
    wait_until(lambda: first.page.locator(".log.windowed li").count() > 5, seconds=20, what="the log after the reload")
    first.keeps("reload-in-mid-run")
    late = arrives("viewer")
    late.go(f"/runs/{run}/")
    wait_until(lambda: late.page.locator(".log.windowed li").count() > 5, seconds=20, what="the log of the late joiner")
    late.keeps("late-joiner")

    for one in (first, second, late):
        ends(one, "succeeded")
    last = head(first, run)
    assert last > before
    for one in (first, second, late):
        follows_to(one, last)
    for one in (first, late):  # a phone's viewer leaves the numbers out
        assert numbers(one) == list(range(1, last + 1))


def test_without_script_a_run_is_started_read_and_stopped(arrives: Arrives) -> None:
    person = arrives("operator", scripted=False)
    person.go("/services/magento/pre-production/")
    person.page.click("#plan button.primary")
    person.reads("Ask the gates")
    person.page.click("a[href$='?gates=now']")
    person.reads("of 20 pass")
    person.page.click("[data-go]")
    person.reads("Stop this run")
    person.page.click("text=Stop this run…")
    person.page.click("text=Stop after this step")
    person.keeps("stop-without-script")
    person.page.click("#stop button")
    person.reads("Asked to stop after this step.")

    def is_over() -> bool:
        person.page.reload()
        return person.page.locator("[data-over]").count() > 0

    wait_until(is_over, seconds=LONG, what="the end, by reloading")
    assert "cancelled" in told(person)
    person.reads("Stopped by operator.")
    assert person.page.locator(".log .no").count() > 10
    person.page.click("text=Release the lock…")
    person.page.fill("#released", "nothing was left half done")
    person.page.click("button:has-text('Release the lock')")
    person.reads("others may start")


def test_strangers_are_refused(arrives: Arrives, demo: Demo) -> None:
    stranger = arrives()
    for path in ("/", "/services/", "/services/magento/production/", "/runs/"):
        stranger.go(path)
        assert "/sign-in/" in stranger.page.url
    stranger.page.fill("[name=username]", "releaser")
    stranger.page.fill("[name=password]", "not-the-password")
    stranger.page.click("button.primary")
    stranger.reads("Name or password is wrong.")
    stranger.keeps("stranger-refused")

    viewer = arrives("viewer")
    viewer.go("/services/magento/production/")
    assert viewer.page.locator("#plan button.primary").is_disabled()
    viewer.reads("one has to be a releaser")
    viewer.keeps("viewer-reads-why")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["wide", "phone"])
def test_every_page_is_for_everybody(arrives: Arrives, demo: Demo, theme: str, size: tuple[int, int]) -> None:
    """axe, and no page wider than its window."""
    person = arrives(theme=theme, size=size)
    person.go("/sign-in/")
    assert violations(person.page) == []
    person.sign_in("releaser", demo.passwords["releaser"])
    plans(person, "production")
    plan = person.page.url.removeprefix(demo.url)
    pages = {"now": "/", "services": "/services/", "service": "/services/magento/production/", "plan": plan, "runs": "/runs/"}
    pages |= {"by-hand": "/by-hand/windows/", "logs": "/services/magento/production/logs/", "rundeck": "/rundeck/"}
    for name, path in pages.items():
        assert person.go(path) == 200
        person.page.wait_for_load_state("networkidle" if name == "plan" else "load")
        assert violations(person.page) == [], name
        assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        person.keeps(f"page-{name}-{theme}-{size[0]}")
    assert person.go("/runs/999999/") == 404
    assert violations(person.page) == []
    person.complaints.clear()  # the browser itself complains about the 404


def test_by_keyboard_alone(arrives: Arrives) -> None:
    person = arrives("viewer")
    person.page.keyboard.press("Tab")
    assert person.page.evaluate("document.activeElement.textContent") == "Skip to content"
    person.page.keyboard.press("Enter")
    assert person.page.evaluate("location.hash") == "#main"
    seen = set()
    for _ in range(12):
        person.page.keyboard.press("Tab")
        name = person.page.evaluate("document.activeElement.tagName")
        if name == "BODY":
            break  # behind the last
        seen.add(name)
        outline = person.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
    assert "A" in seen


def test_light_or_dark_is_remembered(arrives: Arrives) -> None:
    person = arrives("viewer")
    assert person.page.evaluate("document.documentElement.dataset.theme ?? ''") == ""
    person.page.click("[data-theme-switch]")
    person.page.reload()
    assert person.page.evaluate("document.documentElement.dataset.theme") == "dark"
