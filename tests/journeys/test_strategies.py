"""The strategies of Magento through a real browser: chosen by what the database says, and each path gone once."""

from __future__ import annotations

import pytest

from tests.journeys.browser import Demo, Person, violations, wait_until
from tests.journeys.conftest import Arrives
from tests.journeys.releasing import LONG, ends, plans, starts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


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
