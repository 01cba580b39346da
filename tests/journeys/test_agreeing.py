"""What people have to agree on, through a real browser: going back, and its refusal; a second person's approval; a freeze and its glass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.browser import ROOT, Demo, Person, running_demo, violations, wait_until
from tests.journeys.conftest import Arrives

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LONG = 240.0
SPEED = 60  # Beanstalk's time limit for a host's commands is then no shorter than a busy machine needs


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's, in a file that may be changed while the demo runs; here the connector pays nobody at night."""
    path = tmp_path_factory.mktemp("estate") / "estate.yaml"
    text = (ROOT / "estate.yaml").read_text()
    path.write_text(re.sub(r"        money:\n(          .*\n)+", "", text + "\n"))
    return path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, estate: Path) -> Iterator[Demo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESTATE_FILE", str(estate))
        with running_demo(tmp_path_factory.mktemp("demo"), speed=SPEED) as found:
            yield found


def plans(person: Person, service: str) -> None:
    person.go(f"/services/{service}/production/")
    person.page.click("#plan button.primary")
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    gates(person)


def gates(person: Person) -> None:
    wait_until(lambda: person.page.locator(".gates > li").count() > 8, seconds=90, what="the gates")


def starts(person: Person) -> None:
    person.page.fill("#confirm", "production")
    wait_until(person.page.locator("[data-go]").is_enabled, seconds=90, what="an enabled button")
    person.page.click("[data-go]")
    person.page.wait_for_url("**/runs/**", timeout=60_000)


def succeeds(person: Person) -> None:
    wait_until(lambda: person.page.locator("[data-over]").count() > 0, seconds=LONG, what="the end of the run")
    assert "succeeded" in (person.page.get_attribute("[data-told]", "data-told") or ""), person.page.inner_text(".banner")


def back_to(person: Person, service: str, label: str) -> None:
    """The list of what could be deployed again, with this version in it."""
    person.go(f"/services/{service}/production/")
    wait_until(lambda: label in person.page.inner_text("#earlier"), seconds=90, what=f"{label} in the list")


def test_going_back_to_what_was_live_before(arrives: Arrives) -> None:
    person = arrives("releaser")
    plans(person, "custom-connection")
    starts(person)
    succeeds(person)
    person.reads("What it cost")
    person.reads("Was the service down?")
    back_to(person, "custom-connection", "custom-connection-r8-")
    assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(person.page) == []
    person.keeps("back-1-list")
    person.page.locator("#earlier li", has_text="custom-connection-r8-").locator("button").click()
    person.page.wait_for_url("**/plans/**", timeout=60_000)
    gates(person)
    person.reads("The database fits the earlier code")
    person.reads("1 commits back")
    person.keeps("back-2-plan")
    starts(person)
    succeeds(person)
    person.reads("Done: r8 is on 1 host")
    person.keeps("back-3-done")


def test_going_back_is_refused_where_the_schema_has_moved(arrives: Arrives) -> None:
    person = arrives("releaser", theme="dark")
    plans(person, "pim")
    starts(person)
    succeeds(person)
    back_to(person, "pim", "pim-r12-")
    row = person.page.locator("#earlier li", has_text="pim-r12-").first
    assert row.locator("button").is_disabled()
    for words in ("the schema has moved", "src/Entity/Product.php"):
        person.reads(words)
    person.keeps("back-refused")


def test_a_second_person_approves(arrives: Arrives, estate: Path) -> None:
    first, second = arrives("releaser"), arrives("admin")
    plans(first, "mirakl-cashout")
    plan = first.page.url.removeprefix(first.url)
    assert first.page.locator("#approval button").is_disabled()
    assert first.page.locator("[data-go]").is_disabled()
    first.reads("nobody has yet; releaser, who made it, cannot")
    second.go(plan)
    second.page.fill("#note", "read it")
    second.page.click("#approval button")
    second.reads("You approved plan")
    assert second.page.locator("#approval button").is_disabled()
    assert violations(second.page) == []
    second.keeps("approval-given")
    first.page.reload()
    gates(first)
    starts(first)
    succeeds(first)

    plans(first, "mirakl-cashout")
    first.reads("nobody has yet")  # another plan, another approval
    assert first.page.locator("[data-go]").is_disabled()


def test_no_release_while_money_is_paid_out(arrives: Arrives, demo: Demo, estate: Path) -> None:
    """Around a payout, and while one runs; the approval is there, and is not enough."""
    before = estate.read_text()
    others, connector = before.split("    name: Mirakl-HiPay connector", 1)
    first, second = arrives("releaser", theme="dark"), arrives("admin")

    def pays(payouts: str) -> None:
        money = f'        money: {{payouts: [{payouts}], before: 30, after: 60, processes: "cashout:"}}\n'
        estate.write_text(f"{others}    name: Mirakl-HiPay connector{connector.replace('        proofs:', f'{money}        proofs:', 1)}")

    try:
        pays(", ".join(f'{{at: "{hour:02}:00"}}' for hour in range(24)))
        plans(first, "mirakl-cashout")
        second.go(first.page.url.removeprefix(first.url))
        second.page.fill("#note", "read it")
        second.page.click("#approval button")
        second.reads("You approved plan")
        first.page.reload()
        gates(first)
        first.reads("nothing is deployed from")
        assert first.page.locator("[data-go]").is_disabled()
        first.keeps("money-1-near")

        pays(f'{{at: "00:30", days: [{(datetime.now(UTC) + timedelta(days=10)).day}]}}')
        demo.fault("payout-runs", host="mirakl-1", times=-1)
        first.page.reload()
        gates(first)
        first.reads("a payout runs (process")
        assert first.page.locator("[data-go]").is_disabled()
        assert violations(first.page) == []
        first.keeps("money-2-runs")

        demo.no_faults()
        first.page.reload()
        gates(first)
        starts(first)
        succeeds(first)
        first.keeps("money-3-released")
    finally:
        demo.no_faults()
        estate.write_text(before)


def test_a_freeze_stops_everybody_until_an_admin_breaks_the_glass(arrives: Arrives, estate: Path) -> None:
    before = estate.read_text()
    window = '{reason: Christmas sales, environments: [production], from: "2000-01-01 00:00", until: "2100-01-01 00:00"}'
    first, second = arrives("releaser"), arrives("admin")
    estate.write_text(before.replace("freezes: []", f"freezes:\n  - {window}"))
    try:
        plans(first, "custom-connection")
        first.reads("Christmas sales")
        assert first.page.locator("[data-go]").is_disabled()
        assert first.page.locator("#freeze button").is_disabled()
        first.reads("one has to be an admin")
        first.keeps("freeze-1-closed")
        second.go(first.page.url.removeprefix(first.url))
        second.page.fill("#glass", "orders are lost")
        second.page.click("#freeze button")
        second.reads("The glass is broken")
        second.keeps("freeze-2-broken")
        first.page.reload()
        gates(first)
        starts(first)
        first.reads("Run")
        succeeds(first)
    finally:
        estate.write_text(before)
