"""The plan's page and the service's: what exactly will happen, and a button that says why it cannot be pressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from deployments import actions
from deployments.gates import Gate
from people.models import Operator
from remote.errors import NotFound, Unanswered, Unreachable
from runs.actions import KeyReused, LockHeld
from runs.models import Plan, Run
from tests import scenery

pytestmark = pytest.mark.django_db

OPEN = Gate("hosts", "The hosts are those of the plan", "ok", "5 of 5")
CLOSED = Gate("flag", "No maintenance flag left behind", "bad", "fe-4: the flag is there", ("fe-4: the flag is there",))
ASLEEP = Gate("secrets", "The secrets file is in its bucket", "unknown", "S3 does not answer. Try again.")


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[Gate]:
    """What the world answers, without asking it: the gates themselves are tested elsewhere."""
    found = [OPEN]
    monkeypatch.setattr(actions, "gates_of", lambda plan: list(found))
    return found


@pytest.fixture
def made(releaser: Operator) -> Plan:
    scenery.observed()
    return scenery.plan(releaser)


def posted(made: Plan, **more: str) -> dict[str, str]:
    return {"hash": made.hash, "idempotency_key": "one-press", "confirmation": "production", **more}


# -- reading a plan


def test_shows_what_changes_and_every_command(client: Client, viewer: Operator, made: Plan) -> None:
    client.force_login(viewer)
    said = client.get(f"/plans/{made.pk}/").content.decode()
    assert "Show pick-up points on the cart page" in said
    assert "master is 2 commits ahead of prod" in said
    assert "+ Client_PickUp" in said
    assert "; &lt;memory&gt;" in said
    for command in (
        "maintenance:enable",
        "update-environment --environment-name client-magento-prod",
        "--force --area frontend",
        "cache:flush",
    ):
        assert command in said
    assert "–force –area" in said  # the document's own words, beside what is executed
    assert "on fe-1, fe-2, fe-3, fe-4, side by side" in said
    assert "No .git directory" in said
    assert "the sheet of usual times" in said


def test_says_that_nobody_but_a_person_starts_it(client: Client, viewer: Operator, made: Plan) -> None:
    client.force_login(viewer)
    assert "It starts only by a person." in client.get(f"/plans/{made.pk}/").content.decode()


def test_the_same_command_on_four_hosts_is_shown_once(client: Client, viewer: Operator, made: Plan) -> None:
    client.force_login(viewer)
    assert client.get(f"/plans/{made.pk}/").content.decode().count("maintenance:enable</code>") == 1


def test_costs_few_queries(client: Client, releaser: Operator, made: Plan, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client.force_login(releaser)
    with django_assert_max_num_queries(11):
        client.get(f"/plans/{made.pk}/")


# -- the button


def button(said: str) -> str:
    found = re.search(r"<button[^>]*data-go[^>]*>", said)
    assert found is not None
    return found[0]


def test_until_the_gates_have_answered_the_button_waits(client: Client, releaser: Operator, made: Plan) -> None:
    client.force_login(releaser)
    said = client.get(f"/plans/{made.pk}/").content.decode()
    assert "disabled" in button(said)
    assert "Wait for the gates" in said


def test_open_gates_leave_only_the_name_to_type(client: Client, releaser: Operator, made: Plan, gates: list[Gate]) -> None:
    client.force_login(releaser)
    said = client.get(f"/plans/{made.pk}/gates").content.decode()
    assert "disabled" not in button(said)
    assert 'data-confirm="production"' in said
    assert "1 of 1 pass" in said


@pytest.mark.parametrize("gate, words", [(CLOSED, "Mend the gate"), (ASLEEP, "Find out about")])
def test_a_closed_gate_says_what_to_do(client: Client, releaser: Operator, made: Plan, gates: list[Gate], gate: Gate, words: str) -> None:
    gates.append(gate)
    client.force_login(releaser)
    for path in (f"/plans/{made.pk}/gates", f"/plans/{made.pk}/?gates=now"):
        said = client.get(path).content.decode()
        assert "disabled" in button(said)
        assert f"{words} “{gate.title}”" in said
        assert gate.said in said


def test_a_viewer_reads_why_it_is_not_theirs(client: Client, viewer: Operator, made: Plan, gates: list[Gate]) -> None:
    client.force_login(viewer)
    said = client.get(f"/plans/{made.pk}/gates").content.decode()
    assert "disabled" in button(said)
    assert "one has to be a releaser" in said


# -- pressing it


def test_one_press_starts_one_run(
    client: Client, releaser: Operator, made: Plan, gates: list[Gate], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    client.force_login(releaser)
    first = client.post(f"/plans/{made.pk}/start/", posted(made, reason="the new cart"))
    again = client.post(f"/plans/{made.pk}/start/", posted(made))
    run = Run.objects.get()
    assert first["Location"] == again["Location"] == f"/runs/{run.number}/"
    assert (run.requested_by, run.reason, run.state) == (releaser, "the new cart", Run.State.QUEUED)
    assert f"run {run.number}" in client.get(f"/plans/{made.pk}/").content.decode()


@pytest.mark.parametrize(
    "wrong, words, status",
    [
        ({"confirmation": "pre-production"}, "Type “production” to confirm", 409),
        ({"confirmation": ""}, "Type “production” to confirm", 409),
        ({"hash": "0" * 64}, "not the plan that you looked at", 409),
    ],
)
def test_a_wrong_press_starts_nothing_and_loses_nothing(
    client: Client, releaser: Operator, made: Plan, gates: list[Gate], wrong: dict[str, str], words: str, status: int
) -> None:
    client.force_login(releaser)
    response = client.post(f"/plans/{made.pk}/start/", posted(made, reason="<the> cart", **wrong))
    said = response.content.decode()
    assert response.status_code == status
    assert "Nothing has been changed" in said
    assert words in said
    assert "&lt;the&gt; cart" in said
    assert not Run.objects.exists()


def test_a_gate_that_closed_meanwhile_stops_the_press(client: Client, releaser: Operator, made: Plan, gates: list[Gate]) -> None:
    client.force_login(releaser)
    gates.append(CLOSED)
    response = client.post(f"/plans/{made.pk}/start/", posted(made))
    assert response.status_code == 409
    assert "fe-4: the flag is there" in response.content.decode()
    assert not Run.objects.exists()


def test_somebody_elses_run_is_named(client: Client, releaser: Operator, made: Plan, gates: list[Gate]) -> None:
    other = scenery.run(made, releaser)
    client.force_login(releaser)
    response = client.post(f"/plans/{made.pk}/start/", posted(made))
    assert response.status_code == 409
    assert f"Run {other.number}" in response.content.decode()
    assert str(LockHeld(other)).split(",")[0] in response.content.decode()


@pytest.mark.parametrize("role", ["viewer", "operator", "stranger"])
def test_who_may_not_release_to_production(
    client: Client, made: Plan, gates: list[Gate], role: str, request: pytest.FixtureRequest
) -> None:
    client.force_login(request.getfixturevalue(role))
    assert client.post(f"/plans/{made.pk}/start/", posted(made)).status_code == 403
    assert not Run.objects.exists()


def test_a_link_starts_nothing(client: Client, releaser: Operator, made: Plan) -> None:
    client.force_login(releaser)
    assert client.get(f"/plans/{made.pk}/start/").status_code == 405
    assert client.get("/services/magento/production/plan/").status_code == 405


def test_there_is_no_such_plan(client: Client, releaser: Operator) -> None:
    client.force_login(releaser)
    nothing = "00000000-0000-0000-0000-000000000000"
    assert client.get(f"/plans/{nothing}/").status_code == 404
    assert client.post(f"/plans/{nothing}/start/").status_code == 404


# -- the service's page, and making a plan


def test_a_service_shows_its_hosts_and_its_events(client: Client, viewer: Operator, releaser: Operator) -> None:
    scenery.rolling(releaser)
    client.force_login(viewer)
    said = client.get("/services/magento/production/").content.decode()
    for name, instance, ip, _ in scenery.HOSTS:
        assert name in said
        assert instance in said
        assert ip in said
    assert "Batch 2: De-registering" in said
    assert "4 of 5 in service" in said
    fragment = client.get("/services/magento/production/?part=live").content.decode()
    assert "<html" not in fragment
    assert "Batch 2: De-registering" in fragment


def test_all_services(client: Client, viewer: Operator, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    scenery.observed()
    client.force_login(viewer)
    with django_assert_max_num_queries(10):
        said = client.get("/services/").content.decode()
    assert "5 of 5" in said


@pytest.mark.parametrize("path", ["/services/nothing/production/", "/services/magento/nowhere/", "/services/magento/nowhere/waiting"])
def test_an_unknown_service_names_what_there_is(client: Client, viewer: Operator, path: str) -> None:
    client.force_login(viewer)
    assert client.get(path).status_code == 404


def test_a_plan_is_made_with_the_branches_that_were_chosen(
    client: Client, releaser: Operator, made: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def plan_release(target: Any, choice: actions.Choice, **more: Any) -> Plan:
        asked.append((target.name, choice, more))
        return made

    monkeypatch.setattr(actions, "plan_release", plan_release)
    client.force_login(releaser)
    form = {"code_branch": "master", "config_branch": "master", "close_back_office": "yes"}
    response = client.post("/services/magento/production/plan/", form)
    assert response["Location"] == f"/plans/{made.pk}/"
    assert asked == [
        ("Magento production", actions.Choice("master", "master", close_back_office=True), {"relaunch_of": None, "by": releaser})
    ]


@pytest.mark.parametrize(
    "error, words, status",
    [
        (NotFound("there is no branch “nowhere”", "Choose another."), "Choose another.", 422),
        (Unreachable("bitbucket.org does not answer", "Try again."), "bitbucket.org does not answer", 502),
        (Unanswered("git gave no answer within 15 s", "Try again."), "within 15 s. Try again.", 504),
        (actions.NotPlannable("No running host is known."), "No running host is known.", 422),
        (ValidationError("A branch does not begin with a hyphen."), "does not begin with a hyphen", 422),
    ],
)
def test_what_cannot_be_planned_is_said_in_the_form(
    client: Client, releaser: Operator, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str, status: int
) -> None:
    scenery.observed()

    def plan_release(*_: Any, **__: Any) -> Plan:
        raise error

    monkeypatch.setattr(actions, "plan_release", plan_release)
    client.force_login(releaser)
    response = client.post("/services/magento/production/plan/", {"code_branch": "-nowhere", "config_branch": "prod"})
    said = response.content.decode()
    assert response.status_code == status
    assert words in said
    assert 'value="-nowhere"' in said


@pytest.mark.parametrize("number", ["999", "x", "-1"])
def test_a_relaunch_of_nothing_is_refused(client: Client, releaser: Operator, number: str) -> None:
    scenery.observed()
    client.force_login(releaser)
    response = client.post("/services/magento/production/plan/", {"relaunch_of": number})
    assert response.status_code == 422
    assert f"There is no run {number}" in response.content.decode()


def test_a_viewer_plans_nothing(client: Client, viewer: Operator) -> None:
    scenery.observed()
    client.force_login(viewer)
    assert client.post("/services/magento/production/plan/", {}).status_code == 403
    assert "one has to be a releaser" in client.get("/services/magento/production/").content.decode()


def test_a_key_of_another_plan_starts_nothing(releaser: Operator, made: Plan, gates: list[Gate]) -> None:
    first = actions.start_release(made, hash=made.hash, confirmation="production", idempotency_key="press-1", by=releaser)
    gates[:] = [CLOSED]  # what was started is given back without asking the world again
    again = actions.start_release(made, hash=made.hash, confirmation="production", idempotency_key="press-1", by=releaser)
    assert again == first
    gates[:] = [OPEN]
    other = scenery.plan(releaser)
    with pytest.raises(KeyReused, match=f"started run {first.number}"):
        actions.start_release(other, hash=other.hash, confirmation="production", idempotency_key="press-1", by=releaser)
    assert Run.objects.count() == 1


@pytest.mark.parametrize("key", ["press-1", "a" * 101, "one press", "<script>", "press\x1bone"])
def test_a_key_that_is_none_starts_nothing_and_the_form_gets_a_new_one(
    client: Client, releaser: Operator, made: Plan, gates: list[Gate], key: str
) -> None:
    client.force_login(releaser)
    response = client.post(f"/plans/{made.pk}/start/", posted(made, idempotency_key=key))
    assert response.status_code == 422
    assert "is no Idempotency-Key" in response.content.decode()
    assert not Run.objects.exists()
    [fresh] = re.findall(r'name="idempotency_key"[^>]*value="([^"]*)"', response.content.decode())
    assert client.post(f"/plans/{made.pk}/start/", posted(made, idempotency_key=fresh)).status_code == 302
    assert Run.objects.get().idempotency_key == fresh


def test_evidence_is_shown_though_the_line_has_a_longer_name(client: Client, viewer: Operator, made: Plan, gates: list[Gate]) -> None:
    gates.append(Gate("uploads", "No upload would be lost", "bad", "2 files would go (var/ab)", ("var/a",)))
    client.force_login(viewer)
    assert '<span class="mono">var/a</span>' in client.get(f"/plans/{made.pk}/gates").content.decode()
