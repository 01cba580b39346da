"""A run that waits for a person, on its page: look, adopt, go on with what failed, by hand, give up, and the three ways to stop."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from people.models import Operator
from remote.errors import Unanswered, Unreachable
from runs import actions, again, looking, panels, stopping, work
from runs.effects import CannotTell, Context, Failed, NotDone, Running
from runs.engine import tick
from runs.models import Effect, Run, Step
from runs.plan import Act
from tests import scenery
from tests.runs.conftest import Start
from tests.runs.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's plan says nothing of hosts and versions, which the panels of a release are about."""
    monkeypatch.delitem(panels._makers, "release")


@pytest.fixture
def unknown(start: Start, world: World, no_release: None) -> Run:
    """The update's reply was lost, and its probe cannot tell."""
    world.lose["update"] = Unanswered("no answer came.")
    world.silent.add("update")
    run = start()
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.UNKNOWN
    return run


@pytest.fixture
def one_host_failed(start: Start, world: World, no_release: None) -> Run:
    world.ends_badly.add("flush-fe-2")
    run = start()
    tick(run.number)
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    world.ends_badly.clear()
    return run


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def told(client: Client, path: str, **posted: str) -> str:
    answer = client.post(path, posted, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


# -- looking


def test_an_unknown_run_offers_everything_that_can_be_done(client: Client, releaser: Operator, unknown: Run) -> None:
    client.force_login(releaser)
    said = words(client, f"/runs/{unknown.number}/")
    for offered in ("Check now", "Adopt what is found", "Go on from this step", "Take over by hand", "It was done by hand", "Give it up"):
        assert offered in said
    assert "Asked first, begun only where it certainly did not happen: fe-1" in said


@pytest.mark.parametrize(
    ("finding", "shown", "then"),
    [
        (None, "update is there", "counts as done"),
        (Running("half way"), "half way", "is followed to its end"),
        (Running("no answer yet", certain=False), "no answer yet", "begun again only when the request can no longer arrive"),
        (NotDone("no event since"), "no event since", "certainly has not happened"),
        (Failed("fe-1: code 1"), "fe-1: code 1", "the run ends as failed"),
        (CannotTell("no file"), "no file", "stays unknown"),
        (Unreachable("fe-1 does not answer.", "Check it."), "does not answer", "stays unknown"),
    ],
)
def test_a_look_shows_what_the_world_says_and_changes_nothing(
    client: Client, releaser: Operator, world: World, unknown: Run, finding: object, shown: str, then: str
) -> None:
    world.silent.clear()
    if finding is not None:
        world.probes["update"] = [finding]  # type: ignore[list-item]
    before = [*Run.objects.values(), *Step.objects.values(), *Effect.objects.values()]
    client.force_login(releaser)
    said = words(client, f"/runs/{unknown.number}/look")
    assert shown in said
    assert then in said
    assert [*Run.objects.values(), *Step.objects.values(), *Effect.objects.values()] == before
    assert world.applied["update"] == 1


def test_a_look_at_what_other_code_planned(world: World, unknown: Run) -> None:
    document = unknown.plan.document
    for step in document["steps"]:
        for act in step["acts"]:
            act["kind"] = "of old"
    (found,) = looking.look(unknown)
    assert found.state == "unknown"
    assert "of old" in found.said


def test_a_look_at_a_plan_that_cannot_be_read(client: Client, releaser: Operator, unknown: Run) -> None:
    unknown.plan.document["of newer code"] = 1
    unknown.plan.save()
    client.force_login(releaser)
    assert "cannot read its plan" in words(client, f"/runs/{unknown.number}/look")


def test_who_may_look(client: Client, releaser: Operator, viewer: Operator, stranger: Operator, world: World, unknown: Run) -> None:
    asked: list[str] = []
    world.before = asked.append
    assert client.get(f"/runs/{unknown.number}/look").status_code == 302
    for person in (viewer, stranger):
        client.force_login(person)
        assert client.get(f"/runs/{unknown.number}/look").status_code == 403
    client.force_login(releaser)
    assert client.post(f"/runs/{unknown.number}/look").status_code == 405
    assert client.get("/runs/999/look").status_code == 404
    assert asked == []
    assert client.get(f"/runs/{unknown.number}/look").status_code == 200
    assert asked == ["probe update"]


def test_what_is_found_is_adopted_and_not_done_again(client: Client, releaser: Operator, world: World, unknown: Run) -> None:
    world.silent.clear()
    client.force_login(releaser)
    told(client, f"/runs/{unknown.number}/check-now")
    tick(unknown.number)
    unknown.refresh_from_db()
    assert unknown.state == Run.State.SUCCEEDED
    assert world.applied["update"] == 1


# -- by hand, and giving up


def test_evidence_is_shown_and_what_is_secret_in_it_is_not(client: Client, releaser: Operator, unknown: Run) -> None:
    client.force_login(releaser)
    step = unknown.steps.get(key="update")
    told(
        client,
        f"/runs/{unknown.number}/steps/{step.position}/by-hand",
        evidence="$ curl https://shop:hunter2hunter2@example.org\nok: Ready",
    )
    said = client.get(f"/runs/{unknown.number}/").content.decode()
    assert "ok: Ready" in said
    assert "hunter2hunter2" not in said


def test_evidence_without_end_is_refused(client: Client, releaser: Operator, unknown: Run) -> None:
    client.force_login(releaser)
    step = unknown.steps.get(key="update")
    path = f"/runs/{unknown.number}/steps/{step.position}/by-hand"
    assert "20001 characters" in told(client, path, evidence="x" * (actions.EVIDENCE + 1))
    step.refresh_from_db()
    assert step.state == Step.State.UNKNOWN
    told(client, path, evidence="x" * actions.EVIDENCE)
    step.refresh_from_db()
    assert step.state == Step.State.BY_HAND


def test_nobody_gives_up_without_saying_why(client: Client, releaser: Operator, unknown: Run) -> None:
    client.force_login(releaser)
    assert "Say why it is given up" in told(client, f"/runs/{unknown.number}/give-up", reason=" ")
    unknown.refresh_from_db()
    assert unknown.state == Run.State.UNKNOWN
    told(client, f"/runs/{unknown.number}/give-up", reason="AWS says that it never began")
    unknown.refresh_from_db()
    assert (unknown.state, unknown.holds_lock) == (Run.State.FAILED, True)


@pytest.mark.parametrize("name", ["check-now", "resume", "give-up", "release-lock", "steps/2/by-hand"])
def test_others_decide_nothing(client: Client, viewer: Operator, operator: Operator, stranger: Operator, unknown: Run, name: str) -> None:
    path = f"/runs/{unknown.number}/{name}"
    posted = {"reason": "because", "evidence": "seen"}
    assert client.post(path, posted).status_code == 302
    for person in (viewer, operator):
        client.force_login(person)
        assert "one has to be a releaser" in told(client, path, **posted)
    client.force_login(stranger)
    assert client.post(path, posted).status_code == 403
    unknown.refresh_from_db()
    assert unknown.state == Run.State.UNKNOWN


# -- going on


def test_only_the_host_that_failed_is_tried_again(client: Client, releaser: Operator, world: World, one_host_failed: Run) -> None:
    client.force_login(releaser)
    said = words(client, f"/runs/{one_host_failed.number}/")
    assert "Tried again: fe-2, after asking each once more. Not repeated: fe-1, fe-3." in said
    told(client, f"/runs/{one_host_failed.number}/resume")
    tick(one_host_failed.number)
    one_host_failed.refresh_from_db()
    assert one_host_failed.state == Run.State.SUCCEEDED
    assert {key: count for key, count in world.applied.items() if key.startswith("flush")} == {
        "flush-fe-1": 1,
        "flush-fe-2": 1,
        "flush-fe-2.2": 1,
        "flush-fe-3": 1,
    }
    assert world.applied["update"] == world.applied["put"] == 1


def test_for_beanstalk_it_says_that_the_whole_environment_is_meant(client: Client, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    found = again.again(run.steps.get(key="deploy-front"))
    assert found.tried == ("client-magento-prod",)
    client.force_login(releaser)
    assert "Beanstalk deploys to the whole environment client-magento-prod again, never to one host" in words(
        client, f"/runs/{run.number}/"
    )


# -- stopping: what the page says, and what the engine makes of it


def ways(run: Run) -> dict[str, stopping.Way]:
    return {way.strength: way for way in stopping.ways(run, list(run.steps.order_by("position")))}


def test_the_page_says_what_each_way_to_stop_leaves(client: Client, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(releaser)
    for path in (f"/runs/{run.number}/", f"/runs/{run.number}/live"):
        said = words(client, path)
        assert "“Deploy the front end” is finished first, then the run stops before “Delete the old statics”" in said
        assert f"{scenery.NEW} everywhere, its migration included." in said
        assert "The running batch ends its commands first" in said
        assert "Beanstalk goes on host by host" in said
        assert said.count("Hosts that are in maintenance mode then stay in it") == 3


def test_before_anything_is_changed_a_stop_leaves_nothing(releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    found = ways(run)
    assert found["after_step"].does.startswith("Nothing is under way")
    assert found["after_step"].leaves == ("Nothing has been changed.",)
    assert found["stop_watching"].leaves == ()


@pytest.mark.parametrize(
    ("current", "strength", "left"),
    [
        ("maintenance-on", "abort", "Maintenance mode may be on for some hosts and off for others."),
        ("maintenance-on", "after_step", f"The code stays as it is: {scenery.OLD} everywhere."),
        ("deploy-back", "after_step", f"{scenery.NEW} is on the back office, {scenery.OLD} still on the front end"),
        ("deploy-back", "abort", "The running batch ends its commands first."),
        ("deploy-front", "abort", f"{scenery.NEW} stays on the back office."),
        ("preflight", "abort", "Nothing has been changed."),
        ("flush-cache", "abort", f"{scenery.NEW} everywhere"),
        ("clear-statics", "after_step", "The old statics are deleted and the new ones are not there"),
        ("clear-statics", "abort", "The statics are half there"),
        ("flush-cache", "after_step", f"{scenery.NEW} everywhere"),
        ("flush-cache", "stop_watching", "What runs on the hosts ends there"),
    ],
)
def test_what_is_left_at_each_step(releaser: Operator, current: str, strength: str, left: str) -> None:
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    for step in run.steps.order_by("position"):
        at_work = step.key == current
        Step.objects.filter(pk=step.pk).update(state=Step.State.INTENT if at_work else Step.State.DONE)
        if at_work:
            break
    assert any(said.startswith(left) for said in ways(run)[strength].leaves), ways(run)[strength]


@pytest.mark.parametrize("current", ["maintenance-on", "deploy-back", "deploy-front", "maintenance-off"])
def test_an_abort_in_the_middle_of_something_never_says_that_nothing_changed(releaser: Operator, current: str) -> None:
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    at = run.steps.get(key=current).position
    Step.objects.filter(run=run, position__lt=at).update(state=Step.State.DONE)
    Step.objects.filter(run=run, position=at).update(state=Step.State.INTENT)
    leaves = ways(run)["abort"].leaves
    assert not [said for said in leaves if "Nothing has been changed" in said or "stays as it is" in said]
    assert any("in maintenance mode" in said for said in leaves)


def test_after_the_last_step_nothing_is_half_done(start: Start, world: World) -> None:
    run = start()
    Step.objects.filter(run=run).exclude(key="flush").update(state=Step.State.DONE)
    Step.objects.filter(run=run, key="flush").update(state=Step.State.INTENT)
    assert ways(run)["after_step"].does == "“flush” is the last step".replace("flush", "Flush the caches") + (
        ": it is finished, and with it the run. Nothing is left half done."
    )


@pytest.mark.parametrize(
    ("strength", "state", "cancelled", "applied"),
    [
        (Run.Cancel.AFTER_STEP, Run.State.CANCELLED, [], {"put", "version", "update"}),
        (Run.Cancel.ABORT, Run.State.CANCELLED, ["update"], {"put", "version", "update"}),
        (Run.Cancel.STOP_WATCHING, Run.State.UNKNOWN, [], {"put", "version", "update"}),
    ],
)
def test_the_engine_keeps_what_the_page_says(
    client: Client,
    releaser: Operator,
    start: Start,
    world: World,
    no_release: None,
    monkeypatch: pytest.MonkeyPatch,
    strength: str,
    state: str,
    cancelled: list[str],
    applied: set[str],
) -> None:
    monkeypatch.setattr(work, "ASK_FOR_CANCEL", 0.0)
    run = start()
    client.force_login(releaser)
    if strength != Run.Cancel.AFTER_STEP:
        world.stays_running.add("update")

    def press(act: Act, context: Context) -> None:
        if act.key == "update":
            told(client, f"/runs/{run.number}/cancel", strength=strength)

    world.on_do = press
    tick(run.number)
    run.refresh_from_db()
    assert run.state == state
    assert run.holds_lock
    assert world.cancelled == cancelled
    assert set(world.applied) == applied
    said = client.get(f"/runs/{run.number}/").content.decode()
    assert {
        Run.Cancel.AFTER_STEP: "stopped it before “Flush the caches”",
        Run.Cancel.ABORT: "was killed; its files stay",
        Run.Cancel.STOP_WATCHING: "Whatever was started goes on in the world",
    }[Run.Cancel(strength)] in said
