"""How a person plans a release of Magento, starts it, and waits for its end."""

from __future__ import annotations

import re

from tests.journeys.browser import Person, wait_until

LONG = 240.0  # seconds: a release at the speed of the journeys, on a busy machine


def plans(person: Person, environment: str) -> None:
    person.go(f"/services/magento/{environment}/")
    person.page.click("#plan button.primary")
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    wait_until(lambda: person.page.locator(".gates > li").count() > 10, seconds=60, what="the gates")


def starts(person: Person, environment: str) -> int:
    """Presses the one button; the number of the run."""
    button = person.page.locator("[data-go]")
    if environment == "production":
        assert button.is_disabled()
        person.page.fill("#confirm", "product")
        assert button.is_disabled()
        person.reads("“ion” is missing")
        person.page.fill("#confirm", "production")
    wait_until(button.is_enabled, seconds=60, what="an enabled button", instead=lambda: person.page.inner_text("#gates"))
    button.click()
    person.page.wait_for_url("**/runs/**", timeout=60_000)
    found = re.search(r"/runs/(\d+)/", person.page.url)
    assert found is not None
    return int(found[1])


def told(person: Person) -> str:
    return person.page.get_attribute("[data-told]", "data-told") or ""


def ends(person: Person, state: str) -> None:
    wait_until(lambda: person.page.locator("[data-over]").count() > 0, seconds=LONG, what="the end of the run")
    assert state in told(person), person.page.inner_text(".banner")
