"""Approval by a second person, freezes and the glass, plans that wait for their time: by their actions, their pages and the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments import actions, bookings, consent, gates
from deployments.actions import NotStartable
from deployments.models import Approval, Booking, BrokenGlass
from estate import freezes, reading
from estate.definition import Freeze
from estate.reading import EstateError, current
from opsconsole.templatetags import words
from people.models import Operator, Role
from people.notifications.models import Notification
from people.permissions import Forbidden
from runs.actions import NotNow, PlanChanged
from runs.models import Plan, Run
from tests import scenery

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate(settings: Settings, tmp_path: Path) -> Callable[..., None]:
    """Writes an estate like the client's, with more in it."""

    def write(*, approval: bool = False, freeze: str = "") -> None:
        text = Path("estate.yaml").read_text()
        if approval:
            text = text.replace(
                "        lock_group: magento-production\n", "        lock_group: magento-production\n        approval: true\n"
            )
        if freeze:
            text = text.replace("freezes: []", f"freezes:\n  - {{reason: Christmas sales, environments: [production], {freeze}}}")
        path = tmp_path / f"estate-{uuid.uuid4().hex}.yaml"
        path.write_text(text)
        settings.ESTATE_FILE = path

    return write


@pytest.fixture
def open_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world says yes to everything: these tests are about what people say."""
    monkeypatch.setattr(gates, "evaluate", lambda asked: [])


ALWAYS = 'from: "2000-01-01 00:00", until: "2100-01-01 00:00"'


def _start(plan: Plan, by: Operator, **more: Any) -> Run:
    words: dict[str, Any] = {"hash": plan.hash, "confirmation": "production", "idempotency_key": uuid.uuid4().hex, "by": by}
    return actions.start_release(plan, **(words | more))


# -- approval


def test_a_second_person_approves_and_the_first_starts(
    estate: Callable[..., None], open_gates: None, releaser: Operator, admin: Operator
) -> None:
    estate(approval=True)
    plan = scenery.plan(releaser)
    with pytest.raises(NotStartable, match="nobody has yet"):
        _start(plan, releaser)
    with pytest.raises(NotNow, match="You made this plan"):
        consent.approve(plan, hash=plan.hash, by=releaser)
    with pytest.raises(PlanChanged):
        consent.approve(plan, hash="0" * 64, by=admin)
    consent.approve(plan, hash=plan.hash, note="read it", by=admin)
    consent.approve(plan, hash=plan.hash, by=admin)
    assert Approval.objects.count() == 1
    with pytest.raises(NotStartable, match="You approved this plan"):
        _start(plan, admin)
    assert _start(plan, releaser).plan == plan
    assert Notification.objects.filter(kind="approval", title__startswith="Approved").count() == 1


def test_a_changed_plan_voids_the_approval(estate: Callable[..., None], open_gates: None, releaser: Operator, admin: Operator) -> None:
    estate(approval=True)
    plan = scenery.plan(releaser)
    consent.approve(plan, hash=plan.hash, by=admin)
    other = scenery.plan(releaser, relaunch_of=None, warnings=["something else"])
    with pytest.raises(NotStartable, match="nobody has yet"):
        _start(other, releaser)
    (gate,) = consent.gates(other, current().target("magento", "production"), timezone.now())
    assert "does not count" in gate.evidence[0]
    document = plan.document
    document["facts"]["label"] = "r999-0000000"
    Plan.objects.filter(pk=plan.pk).update(document=document)
    with pytest.raises(NotStartable, match="nobody has yet"):
        _start(Plan.objects.get(pk=plan.pk), releaser)


def test_who_may_approve(estate: Callable[..., None], releaser: Operator, viewer: Operator, operator: Operator) -> None:
    estate(approval=True)
    plan = scenery.plan(releaser)
    for person in (viewer, operator):
        with pytest.raises(Forbidden, match="releaser"):
            consent.approve(plan, hash=plan.hash, by=person)


def test_the_connector_that_moves_money_asks_for_it_by_default() -> None:
    assert current().target("mirakl-cashout", "production").approval
    assert not current().target("pim", "production").approval


def test_the_page_approves(estate: Callable[..., None], client: Client, releaser: Operator, viewer: Operator, admin: Operator) -> None:
    estate(approval=True)
    scenery.observed()
    plan = scenery.plan(releaser)
    address = f"/plans/{plan.pk}/"
    client.force_login(releaser)
    assert "somebody else has to approve it" in client.get(address).content.decode()
    client.post(f"{address}approve/", {"hash": plan.hash})
    assert not Approval.objects.exists()
    client.force_login(viewer)
    client.post(f"{address}approve/", {"hash": plan.hash})
    assert not Approval.objects.exists()
    assert client.get(f"{address}approve/").status_code == 405
    client.force_login(admin)
    page = client.post(f"{address}approve/", {"hash": plan.hash, "note": "<b>read</b>"}, follow=True).content.decode()
    assert Approval.objects.get().by == admin
    assert "&lt;b&gt;read&lt;/b&gt;" in page


# -- freezes


def test_a_freeze_stops_a_person_and_an_admin_may_break_the_glass(
    estate: Callable[..., None], open_gates: None, releaser: Operator, admin: Operator
) -> None:
    estate(freeze=ALWAYS)
    plan = scenery.plan(releaser)
    with pytest.raises(NotStartable, match="Christmas sales"):
        _start(plan, releaser)
    with pytest.raises(NotStartable, match="Christmas sales"):
        _start(plan, admin)
    with pytest.raises(Forbidden, match="admin"):
        consent.break_glass(plan, hash=plan.hash, reason="the shop is down", by=releaser)
    with pytest.raises(NotNow, match="why"):
        consent.break_glass(plan, hash=plan.hash, reason=" ", by=admin)
    consent.break_glass(plan, hash=plan.hash, reason="the shop is down", by=admin)
    assert "the shop is down" in Notification.objects.get(title__startswith="Glass broken").text
    other = scenery.plan(releaser, warnings=["another plan"])
    with pytest.raises(NotStartable, match="Christmas sales"):
        _start(other, releaser)
    assert _start(plan, releaser).state == Run.State.QUEUED


def test_the_page_says_until_when_in_the_zone_of_the_freeze(estate: Callable[..., None], client: Client, releaser: Operator) -> None:
    estate(freeze=ALWAYS)
    scenery.observed()
    plan = scenery.plan(releaser)
    client.force_login(releaser)
    assert "until Fri 01 Jan 2100 00:00 Europe/Paris" in client.get(f"/plans/{plan.pk}/").content.decode()


def test_a_broken_glass_lets_through_for_an_hour(
    estate: Callable[..., None], open_gates: None, releaser: Operator, admin: Operator
) -> None:
    estate(freeze=ALWAYS)
    plan = scenery.plan(releaser)
    consent.break_glass(plan, hash=plan.hash, reason="the shop is down", by=admin)
    BrokenGlass.objects.update(at=timezone.now() - timedelta(minutes=61))
    with pytest.raises(NotStartable, match="Christmas sales"):
        _start(plan, releaser)


def test_no_glass_where_nothing_is_frozen(estate: Callable[..., None], open_gates: None, releaser: Operator, admin: Operator) -> None:
    estate()
    plan = scenery.plan(releaser)
    with pytest.raises(NotNow, match="no glass"):
        consent.break_glass(plan, hash=plan.hash, reason="the shop is down", by=admin)
    assert _start(plan, releaser).state == Run.State.QUEUED


def _freeze(start: str, end: str) -> Freeze:
    zone = current().time_zone
    return Freeze("Sales", ("production",), (), start, end, zone)


@pytest.mark.parametrize(
    ("start", "end", "at", "frozen"),
    [
        ("fri 16:00", "mon 07:00", "2026-11-27 15:30", True),  # Friday, 16:30 in Paris
        ("fri 16:00", "mon 07:00", "2026-11-27 14:59", False),
        ("fri 16:00", "mon 07:00", "2026-11-29 12:00", True),
        ("fri 16:00", "mon 07:00", "2026-11-30 05:59", True),
        ("fri 16:00", "mon 07:00", "2026-11-30 06:00", False),
        ("fri 16:00", "mon 07:00", "2026-10-26 05:30", True),  # the Monday after the clock was set back
        ("fri 16:00", "mon 07:00", "2026-10-26 06:00", False),
        ("mon 09:00", "fri 17:00", "2026-11-28 12:00", False),
        ("2026-12-18 18:00", "2027-01-04 08:00", "2026-12-18 16:59", False),
        ("2026-12-18 18:00", "2027-01-04 08:00", "2026-12-18 17:00", True),
        ("2026-12-18 18:00", "2027-01-04 08:00", "2027-01-04 07:00", False),
    ],
)
def test_when_it_is_frozen(start: str, end: str, at: str, frozen: bool) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert (freezes.window_at([_freeze(start, end)], now) is not None) is frozen


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('from: "2026-12-18 18:00", until: "2026-12-01 08:00"', "before it begins"),
        ('from: "2026-12-18 18:00", until: "mon 08:00"', "both"),
        ('from: "2026-02-30 18:00", until: "2026-03-01 08:00"', "no such date"),
        ('from: "sometime", until: "later"', "a moment in quotes"),
        ('from: "fri 16:00", until: "mon 07:00", time_zone: Europe/Atlantis', "no time zone"),
        ('from: "fri 16:00", until: "mon 07:00", services: [shop]', "does not exist"),
    ],
)
def test_a_freeze_that_is_written_wrong_is_named_with_its_line(
    estate: Callable[..., None], settings: Settings, written: str, said: str
) -> None:
    estate(freeze=written)
    with pytest.raises(EstateError, match=said) as refused:
        reading.load(Path(settings.ESTATE_FILE))
    assert "line " in str(refused.value)
    estate(freeze='from: "fri 16:00", until: "mon 07:00"')
    assert reading.load(Path(settings.ESTATE_FILE)).target("pim", "production").freezes


# -- later


def test_a_booked_plan_starts_when_its_time_has_come(open_gates: None, releaser: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    now = timezone.now()
    booking = bookings.book(plan, hash=plan.hash, due=now + timedelta(hours=3), confirmation="production", by=releaser)
    bookings.go()
    assert not Run.objects.exists()
    Booking.objects.update(due=now - timedelta(seconds=1))
    bookings.go()
    bookings.go()
    run = Run.objects.get()
    booking.refresh_from_db()
    assert (booking.state, booking.run, run.requested_by) == ("started", run, releaser)


def test_one_whose_gates_are_closed_then_is_told_and_not_started(
    open_gates: None, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    now = timezone.now()
    booking = bookings.book(plan, hash=plan.hash, due=now + timedelta(hours=1), confirmation="production", by=releaser)
    closed = gates.Gate("flag", "No maintenance flag left behind", "bad", "fe-2: the flag is there")
    monkeypatch.setattr(gates, "evaluate", lambda asked: [closed])
    Booking.objects.update(due=now - timedelta(minutes=1))
    bookings.go()
    booking.refresh_from_db()
    assert booking.state == "waiting"
    assert "Not yet" in booking.said
    Booking.objects.update(due=now - timedelta(minutes=6), made=now - timedelta(hours=2))
    bookings.go()
    booking.refresh_from_db()
    assert booking.state == "refused"
    assert "the flag is there" in booking.said
    assert not Run.objects.exists()
    assert Notification.objects.filter(title__startswith="Not started").count() == 1


def test_one_that_is_late_is_not_started_blindly(open_gates: None, releaser: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    bookings.book(plan, hash=plan.hash, due=timezone.now() + timedelta(hours=1), confirmation="production", by=releaser)
    Booking.objects.update(due=timezone.now() - timedelta(hours=2))
    bookings.go()
    assert Booking.objects.get().state == "refused"
    assert "120 minutes ago" in Booking.objects.get().said
    assert not Run.objects.exists()


def test_the_queue_of_a_group_waits_for_its_holder_and_starts_the_first(open_gates: None, releaser: Operator) -> None:
    scenery.observed()
    holder = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    first, second = (scenery.plan(releaser, warnings=[word]) for word in ("first", "second"))
    for plan in (first, second):
        bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    bookings.go()
    assert [each.plan for each in bookings.queue("magento-production")] == [first, second]
    assert f"run {holder.number}" in bookings.queue("magento-production")[0].said
    Run.objects.filter(pk=holder.pk).update(state=Run.State.SUCCEEDED, holds_lock=False, ended=timezone.now())
    bookings.go()
    assert Run.objects.latest("number").plan == first
    assert [each.plan for each in bookings.queue("magento-production")] == [second]
    bookings.go()
    assert Run.objects.count() == 2, "the second waits for the first"


def test_what_was_planned_from_another_version_is_not_started(open_gates: None, releaser: Operator) -> None:
    scenery.observed(version="r500-abcdef0")
    plan = scenery.plan(releaser)
    bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    bookings.go()
    assert Booking.objects.get().state == "refused"
    assert "r500-abcdef0 is live now" in Booking.objects.get().said


def test_a_person_who_lost_the_role_starts_nothing(open_gates: None, releaser: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    Operator.objects.filter(pk=releaser.pk).update(role=Role.VIEWER)
    bookings.go()
    assert Booking.objects.get().state == "refused"
    assert not Run.objects.exists()


def test_a_booking_is_cancelled_by_a_person(open_gates: None, releaser: Operator, viewer: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    booking = bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    with pytest.raises(NotNow, match="waits already"):
        bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    with pytest.raises(Forbidden):
        bookings.cancel(booking, by=viewer)
    bookings.cancel(booking, by=releaser)
    with pytest.raises(NotNow):
        bookings.cancel(booking, by=releaser)
    bookings.go()
    assert not Run.objects.exists()


def test_the_page_of_a_plan_that_waits_looks_again_until_it_no_longer_does(open_gates: None, client: Client, releaser: Operator) -> None:
    """It would go on to say that it waits, long after its run has begun."""
    scenery.observed()
    plan = scenery.plan(releaser)
    client.force_login(releaser)
    again = 'id="later" aria-labelledby="later-h" hx-get'  # all that is replaced: what is typed into the other forms stays
    assert again not in client.get(f"/plans/{plan.pk}/").content.decode()
    booking = bookings.book(plan, hash=plan.hash, due=None, confirmation="production", by=releaser)
    said = client.get(f"/plans/{plan.pk}/").content.decode()
    assert again in said
    assert "<form" in said.split(again)[1].split("</section>")[0], "it can be cancelled there"
    assert said.count('hx-swap="outerHTML"') == 1
    bookings.cancel(booking, by=releaser)
    assert again not in client.get(f"/plans/{plan.pk}/").content.decode()


@pytest.mark.parametrize(("hours", "said"), [(None, "as soon as nothing else is at work there"), (3, "at ")])
def test_a_plan_that_waits_says_that_it_starts_by_itself(
    open_gates: None, client: Client, releaser: Operator, hours: int | None, said: str
) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    due = timezone.now() + timedelta(hours=hours) if hours else None
    booking = bookings.book(plan, hash=plan.hash, due=due, confirmation="production", by=releaser)
    client.force_login(releaser)
    page = client.get(f"/plans/{plan.pk}/").content.decode()
    assert f"It starts by itself {said}{words.moment(due) if due else ''}, where" in page
    assert "only by a person" not in page
    bookings.cancel(booking, by=releaser)
    assert "It starts only by a person." in client.get(f"/plans/{plan.pk}/").content.decode()


@pytest.mark.parametrize("due", ["", "tomorrow", "2020-01-01T00:00", "9999-12-31T23:59", "2026-13-45T99:99", "\x00"])
def test_a_time_that_is_none_is_refused_in_words(client: Client, releaser: Operator, due: str) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    client.force_login(releaser)
    posted = {"hash": plan.hash, "when": "at", "due": due, "confirmation": "production"}
    answer = client.post(f"/plans/{plan.pk}/book/", posted, follow=True)
    assert answer.status_code in (200, 400, 422)
    assert not Booking.objects.exists()


def test_the_api_approves_books_lists_and_cancels(client: Client, releaser: Operator, admin: Operator, viewer: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)

    def post(path: str, **body: object) -> Any:
        return client.post(f"/api/v1/plans/{plan.pk}/{path}", body, content_type="application/json")

    client.force_login(viewer)
    assert post("approvals", hash=plan.hash).status_code == 403
    assert post("bookings", hash=plan.hash).status_code == 403
    client.force_login(releaser)
    assert post("approvals", hash=plan.hash).status_code == 409
    assert post("bookings", hash=plan.hash, due="2026-01-01T00:00:00").status_code == 422
    assert post("bookings", hash="x").status_code == 409
    made = post("bookings", hash=plan.hash)
    assert made.status_code == 201, made.content
    listed = client.get("/api/v1/bookings?state=waiting").json()
    assert [each["id"] for each in listed["items"]] == [made.json()["id"]]
    assert client.delete(f"/api/v1/bookings/{made.json()['id']}").status_code == 204
    assert client.delete(f"/api/v1/bookings/{made.json()['id']}").status_code == 409
    client.force_login(admin)
    assert post("approvals", hash=plan.hash, note="read it").status_code == 201


def test_the_rehearsal_is_found_by_its_commits(client: Client, releaser: Operator) -> None:
    scenery.observed()
    plan = scenery.plan(releaser)
    client.force_login(releaser)
    assert "not rehearsed" in client.get(f"/plans/{plan.pk}/").content.decode()
    there = scenery.plan(releaser)
    document = {**there.document, "environment": "pre-production"}
    document["facts"] = {**document["facts"], "hosts": document["facts"]["hosts"][:2]}
    Plan.objects.filter(pk=there.pk).update(environment="pre-production", document=document)
    ended = timezone.now()
    run = scenery.run(Plan.objects.get(pk=there.pk), releaser, state=Run.State.SUCCEEDED, holds_lock=False, ended=ended)
    Run.objects.filter(pk=run.pk).update(started=ended - timedelta(minutes=21))
    page = client.get(f"/plans/{plan.pk}/").content.decode()
    assert f"run {run.number}" in page
    assert "21 min" in page
    assert "Hosts: 2 there, 5 here" in page
