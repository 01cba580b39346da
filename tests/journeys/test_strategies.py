"""The strategies of Magento through a real browser: chosen by what the database says, and each path gone once; where one fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.browser import Demo, Person, running_demo, violations, wait_until
from tests.journeys.conftest import SPEED, Arrives
from tests.journeys.releasing import LONG, ends, plans, starts, told

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for each: what a window leaves behind that failed or was aborted, no other could begin with."""
    with running_demo(tmp_path_factory.mktemp("demo"), speed=SPEED) as found:
        yield found


def test_the_strategy_is_chosen_by_what_the_database_says_and_each_path_is_gone_once(arrives: Arrives, demo: Demo) -> None:
    person = arrives("operator")
    demo.act("push-commit", schema="yes")
    plans(person, "pre-production")
    person.reads("still does on every host what is to be done once")
    person.keeps("strategy-1-as-written-alone")

    prepares(person)
    person.keeps("strategy-2-prepared")
    person.reads("Built. The database has to be migrated")
    assert violations(person.page) == []
    plans_what_was_built(person)
    person.reads("The database is migrated, behind the curtain.")
    person.keeps("strategy-3-window")
    assert violations(person.page) == []
    starts(person, "pre-production")
    wait_until(lambda: "Closed by the curtain" in person.page.inner_text("main"), seconds=LONG, what="the curtain")
    person.keeps("strategy-4-curtain")
    assert violations(person.page) == []
    ends(person, "succeeded")
    person.reads("It was right")
    person.keeps("strategy-5-migrated")

    demo.act("push-commit")
    prepares(person)
    person.reads("Built. No migration is needed")
    plans_what_was_built(person)
    person.reads("No migration. There is one front host")
    starts(person, "pre-production")
    ends(person, "succeeded")
    person.reads("Was the shop down?")
    person.keeps("strategy-6-rolled")
    assert violations(person.page) == []


def test_a_migration_that_fails_leaves_the_shop_closed_and_goes_on_from_there(arrives: Arrives, demo: Demo) -> None:
    person = arrives("operator", theme="dark")
    demo.act("push-commit", schema="yes")
    prepares(person)
    plans_what_was_built(person)
    demo.fault("command-fails", host="pp-be", options={"command": "setup:upgrade"})
    starts(person, "pre-production")
    ends(person, "failed")
    for words in ("“Migrate the database, once” failed", "Closed by the curtain", "Go on from this step"):
        person.reads(words)
    assert violations(person.page) == []
    person.keeps("strategy-7-migration-failed")
    person.page.click("button:has-text('Go on from this step')")
    wait_until(lambda: "failed" not in told(person), seconds=30, what="the run's going on")
    ends(person, "succeeded")
    person.reads("The curtain was drawn for")
    person.keeps("strategy-8-went-on")


def test_a_wrong_answer_is_found_and_an_aborted_window_stays_closed_until_it_is_opened(arrives: Arrives, demo: Demo) -> None:
    person = arrives("operator")
    demo.act("push-commit", schema="yes")
    demo.fault("status-lies", host="build")
    prepares(person)
    person.reads("Built. No migration is needed")
    plans_what_was_built(person)
    starts(person, "pre-production")
    ends(person, "failed")
    person.reads("The decision was wrong. The front end has not been touched")
    person.keeps("strategy-9-wrong-answer")
    releases_the_lock(person, "planned again with what the code says now")

    prepares(person)
    person.reads("Built. The database has to be migrated")
    plans_what_was_built(person)
    demo.speed(40)  # so that there is time to press it
    starts(person, "pre-production")
    wait_until(lambda: "Closed by the curtain" in person.page.inner_text("main"), seconds=LONG, what="the curtain")
    person.page.click("text=Stop this run…")
    person.page.check("[name=strength][value=abort]")
    person.page.click("#stop button")
    ends(person, "cancelled")
    demo.speed(SPEED)
    person.reads("Closed by the curtain")
    person.keeps("strategy-10-aborted")
    releases_the_lock(person, "opened by the operations")
    for operation in ("curtain-off", "roll-again"):
        person.go("/services/magento/pre-production/")
        person.page.click(f"form[action$='/operations/{operation}/'] button")
        person.page.wait_for_url("**/plans/**", timeout=60_000)
        wait_until(person.page.locator("[data-go]").is_enabled, seconds=60, what="an enabled button")
        person.page.click("[data-go]")
        person.page.wait_for_url("**/runs/**", timeout=60_000)
        ends(person, "succeeded")


def releases_the_lock(person: Person, why: str) -> None:
    person.page.click("text=Release the lock…")
    person.page.fill("#released", why)
    person.page.click("button:has-text('Release the lock')")
    person.reads("others may start")


def prepares(person: Person) -> None:
    person.go("/services/magento/pre-production/")
    person.page.check("input[name=config_branch][value=preprod-prebuilt]")
    person.page.click("#plan button.primary")
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    person.reads("Ask with the new code whether the database has to be migrated")
    starts(person, "pre-production")
    ends(person, "succeeded")


def plans_what_was_built(person: Person) -> None:
    person.page.click("text=Plan the release")
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    wait_until(lambda: person.page.locator(".gates > li").count() > 10, seconds=60, what="the gates")
