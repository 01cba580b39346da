"""A run from its first tick to its end: what is done, in which order, and what is said when it goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate import reading
from people.models import Operator
from remote import observing
from remote.errors import Busy, Denied, HostKeyRefused, Throttled, Unanswered, Unreachable
from runs import actions, doorbell, effects, engine, reconcile, redact, work
from runs.effects import CannotTell, Context, NotDone, Running
from runs.engine import tick
from runs.models import Effect, Plan, Run, Step
from runs.plan import Act
from runs.plan import Step as Planned
from tests.runs.conftest import Start
from tests.runs.world import World, act

pytestmark = pytest.mark.django_db(transaction=True)


def fresh(run: Run) -> Run:
    return Run.objects.get(pk=run.pk)


def test_a_run_does_each_effect_once_in_the_order_of_the_plan(start: Start, world: World) -> None:
    run = start()
    assert tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.SUCCEEDED, False)
    assert run.started is not None
    assert run.ended is not None
    assert world.order[:3] == ["put", "version", "update"]
    assert set(world.order[3:]) == {"flush-fe-1", "flush-fe-2", "flush-fe-3"}
    assert run.started == run.steps.get(position=1).started, "also where one tick sees the whole of it"
    assert set(world.applied.values()) == {1}
    assert {step.state for step in run.steps.all()} == {Step.State.DONE}
    assert all(step.started and step.ended for step in run.steps.all())
    assert {effect.state for effect in run.effects.all()} == {Effect.State.DONE}
    assert run.steps.get(key="update").result == {"update": {"answered": True, "rc": 0}}


def test_a_run_that_has_ended_is_not_worked_on(start: Start, world: World) -> None:
    run = start()
    tick(run.number)
    assert not tick(run.number)
    assert set(world.applied.values()) == {1}


def test_the_intent_is_in_the_database_before_the_effect(start: Start, world: World) -> None:
    seen: list[tuple[str, str]] = []
    world.on_do = lambda act, context: seen.append((act.key, Effect.objects.get(run=context.run, key=act.key).state))
    run = start()
    tick(run.number)
    assert len(seen) == 6
    assert {state for _, state in seen} == {Effect.State.INTENT}


def test_a_refusal_fails_the_run_which_keeps_its_lock(start: Start, world: World) -> None:
    world.refuse["update"] = Busy("client-magento-prod is not Ready.", "Wait until the other deployment has ended.")
    run = start()
    tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.FAILED, True)
    assert "Update the front end" in run.said
    assert "Wait until the other deployment has ended." in run.said
    assert run.steps.get(key="update").state == Step.State.FAILED
    assert run.steps.get(key="flush").state == Step.State.PLANNED


def test_an_effect_that_ends_badly_fails_the_run_and_names_the_host(start: Start, world: World) -> None:
    world.ends_badly.add("flush-fe-2")
    run = start()
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.FAILED
    assert "fe-2: flush-fe-2 ended with code 1." in run.said
    assert world.applied == dict.fromkeys(world.order, 1)
    states = dict(run.effects.values_list("key", "state"))
    assert (states["flush-fe-1"], states["flush-fe-2"], states["flush-fe-3"]) == ("done", "failed", "done")


@pytest.mark.parametrize("key", ["put", "version", "update", "flush-fe-2"])
def test_a_lost_reply_is_neither_a_failure_nor_a_repeat(start: Start, world: World, key: str) -> None:
    world.lose[key] = Unanswered("no answer came.")
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


def test_what_did_not_happen_is_tried_again_only_after_the_world_was_asked(start: Start, world: World) -> None:
    points: list[str] = []
    world.before = points.append
    world.trouble["update"] = [Unanswered("cut off before it was sent.")]
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert [point for point in points if point.endswith(" update")] == [
        "do update",
        "probe update",
        "do update",
        "done update",
        "probe update",
    ]


@pytest.mark.parametrize("error", [Throttled("too many calls."), Unreachable("no route to fe-1.")])
def test_throttling_and_silence_are_waited_out(start: Start, world: World, error: Exception) -> None:
    world.trouble["update"] = [error, error]
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


def test_trouble_outlives_the_tick_and_the_next_one_goes_on(start: Start, world: World, settings: Settings) -> None:
    settings.TICK_SECONDS = 0.0
    world.trouble["put"] = [Throttled("too many calls.")]
    run = start()
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.RUNNING
    assert (run.wake_at > 0, run.troubles, run.lease_owner) == (True, 1, "")
    assert run.steps.get(key="upload").said == "too many calls."
    for _ in range(20):
        tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


def test_the_deadline_fails_what_never_began(start: Start, world: World, settings: Settings) -> None:
    settings.STEP_SECONDS = settings.TICK_SECONDS = 0.0
    world.trouble["put"] = [Unreachable("no route.")] * 9
    run = start()
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.FAILED
    assert "nothing happened" in run.said


def test_the_deadline_makes_a_doubt_of_what_may_have_happened(start: Start, world: World, settings: Settings) -> None:
    settings.STEP_SECONDS = settings.TICK_SECONDS = 0.0
    world.lose["put"] = Unanswered("no answer came.")
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.UNKNOWN


def test_what_nothing_is_seen_of_at_its_deadline_is_not_said_to_run(start: Start, world: World, settings: Settings) -> None:
    """Its request may still arrive."""
    settings.STEP_SECONDS = settings.TICK_SECONDS = 0.0
    world.probes["put"] = [Running("no answer yet", certain=False)]
    run = start()
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.UNKNOWN
    assert run.said.endswith("it may or may not have happened. Its longest time is over without an answer. Last: no answer yet")


def test_what_still_runs_at_its_deadline_waits_for_a_person(start: Start, world: World, settings: Settings, releaser: Operator) -> None:
    settings.STEP_SECONDS = settings.TICK_SECONDS = 0.0
    world.stays_running.add("put")
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.WAITING
    world.stays_running.clear()
    settings.TICK_SECONDS = 10.0
    actions.check_now(run, by=releaser)
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED


def test_what_cannot_be_told_waits_for_a_person_and_holds_the_lock(start: Start, world: World, releaser: Operator) -> None:
    world.lose["update"] = Unanswered("no answer came.")
    world.silent.add("update")
    run = start()
    tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.UNKNOWN, True)
    assert "nothing shows whether update happened" in run.said
    assert not tick(run.number)
    world.silent.clear()
    actions.adopt(run, by=releaser)
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


@pytest.mark.parametrize("error", [Denied("not allowed to look."), HostKeyRefused("fe-1 shows another key.")])
def test_a_probe_that_is_refused_is_a_doubt(start: Start, world: World, error: Exception) -> None:
    world.probes["update"] = [error]
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.UNKNOWN
    assert world.applied["update"] == 1


def test_a_fault_in_a_kind_is_a_doubt_with_its_name(start: Start, world: World) -> None:
    world.probes["update"] = [KeyError("VersionLabel")]
    run = start()
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.UNKNOWN
    assert "KeyError: 'VersionLabel'" in run.said


def test_a_plan_of_other_code_waits_for_a_person(start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(Planned("old", "An old step", (act("relic", kind="forgotten"),)))
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.WAITING
    assert "nobody here knows the effect forgotten" in run.said
    monkeypatch.setitem(effects._kinds, "forgotten", world)
    actions.check_now(run, by=releaser)
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED


@pytest.mark.parametrize("change", ["a field more", "a field less", "steps of another shape"])
def test_a_plan_that_cannot_be_read_waits_for_a_person(start: Start, world: World, releaser: Operator, change: str) -> None:
    run = start()
    readable = run.plan.document
    first = readable["steps"][0]
    document = {
        "a field more": {**readable, "of_tomorrow": True},
        "a field less": {name: value for name, value in readable.items() if name != "steps"},
        "steps of another shape": {**readable, "steps": [{**first, "acts": [{"kind": "scripted"}]}]},
    }[change]
    Plan.objects.update(document=document)
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.WAITING
    assert "this one cannot read its plan" in run.said
    assert not world.applied
    Plan.objects.update(document=readable)
    actions.check_now(run, by=releaser)
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED


def test_a_long_effect_is_followed_over_many_ticks(start: Start, world: World, settings: Settings) -> None:
    settings.TICK_SECONDS = 0.0
    world.probes["update"] = [Running(f"{done} of 4 hosts") for done in range(4)]
    run = start(Planned("update", "Update", (act("update"),)))
    said = []
    for _ in range(5):
        tick(run.number)
        said.append(run.steps.get().said)
    assert said[:4] == ["0 of 4 hosts", "1 of 4 hosts", "2 of 4 hosts", "3 of 4 hosts"]
    assert fresh(run).state == Run.State.SUCCEEDED
    assert world.applied["update"] == 1


def test_what_is_to_be_asked_again_at_once_does_not_outlast_the_tick(start: Start, world: World, settings: Settings) -> None:
    settings.TICK_SECONDS = 0.0
    world.probes["update"] = [Running("following", ask_again=0)] * 3
    run = start(Planned("update", "Update", (act("update"),)))
    ticks = 0
    while fresh(run).state != Run.State.SUCCEEDED:
        assert tick(run.number)
        ticks += 1
    assert ticks == 4


def test_one_slow_host_does_not_keep_the_others_from_starting(start: Start, world: World) -> None:
    world.probes["flush-fe-1"] = [Running("slow", ask_again=0.05)] * 5
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


def test_nothing_proven_and_answered_is_not_started_again_at_once(start: Start, world: World) -> None:
    points: list[str] = []
    world.before = points.append
    world.probes["update"] = [NotDone()]
    world.applied["update"] = 0
    run = start()
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert points.count("do update") == 2  # the world had said for certain that nothing came of the first


def test_whoever_asks_what_came_of_a_second_request_knows_when_it_was_made(start: Start, world: World) -> None:
    told: list[Context] = []
    world.on_do = lambda act, context: told.append(context)
    world.probes["update"] = [NotDone()]
    world.applied["update"] = 0
    run = start()
    tick(run.number)
    first, second = [context for context in told if context.key == "update"]
    assert first.asked_at == first.intent_at == second.intent_at < second.asked_at
    assert run.effects.get(key="update").again_at == second.asked_at


def test_a_step_without_effects_is_done_with_its_note(start: Start, world: World) -> None:
    run = start(Planned("look", "Look at the shop", note="Open the shop and look."))
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert run.steps.get().said == "Open the shop and look."


@pytest.mark.parametrize("finding", [CannotTell("gone."), NotDone()])
def test_a_resumed_step_is_a_new_attempt_and_asks_first(start: Start, world: World, releaser: Operator, finding: effects.Finding) -> None:
    world.ends_badly.add("flush-fe-2")
    run = start()
    tick(run.number)
    world.ends_badly.clear()
    world.probes["flush-fe-2"] = [finding]
    actions.resume(fresh(run), by=releaser)
    tick(run.number)
    run = fresh(run)
    rows = {row.key: row.state for row in run.effects.filter(act="flush-fe-2")}
    if isinstance(finding, NotDone):
        assert run.state == Run.State.SUCCEEDED
        assert rows == {"flush-fe-2": "replaced", "flush-fe-2.2": "done"}
        assert world.applied["flush-fe-2.2"] == world.applied["flush-fe-1"] == world.applied["put"] == 1
    else:
        assert run.state == Run.State.UNKNOWN
        assert world.applied["flush-fe-2.2"] == 0


SECRET = "correct-horse-battery-staple"


@pytest.fixture
def known_secret() -> Iterator[None]:
    redact.know(SECRET)
    yield
    redact.forget_all()


def _fault(act: Act, context: Context) -> None:
    raise RuntimeError(f"no password {SECRET}")


@pytest.mark.usefixtures("known_secret")
@pytest.mark.parametrize("way", ["refused", "cannot tell", "failed", "running", "trouble", "fault", "not done"])
def test_what_is_said_of_an_effect_holds_no_known_secret(start: Start, world: World, settings: Settings, way: str) -> None:
    said = f"{SECRET} was refused by fe-1."
    settings.TICK_SECONDS = 0.3
    match way:
        case "refused":
            world.refuse["update"] = Denied(said, "Look.")
        case "trouble":
            world.trouble["update"] = [Unreachable(said, "Look.")] * 9
        case "fault":
            world.on_do = _fault
        case "cannot tell":
            world.probes["update"] = [CannotTell(said)]
        case "failed":
            world.probes["update"] = [effects.Failed(said)]
        case "not done":
            world.probes["update"] = [NotDone(said)] * 9
        case "running":
            world.probes["update"] = [Running(said, ask_again=5)]
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    rows = [
        *Run.objects.values_list("said", flat=True),
        *Step.objects.values_list("said", flat=True),
        *Effect.objects.values_list("said", flat=True),
    ]
    assert redact.MARK in "".join(rows)
    assert SECRET not in "".join(rows)


def cancelling(run: Run, key: str, strength: Run.Cancel, *, by: Operator) -> Callable[[Act, Context], None]:
    """Somebody cancels at the moment when that effect begins."""

    def on_do(act: Act, context: Context) -> None:
        if act.key == key:
            actions.cancel_run(run, strength, by=by)

    return on_do


def test_cancelled_before_it_began_it_changes_nothing_and_holds_nothing(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    actions.cancel_run(run, Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.CANCELLED, False)
    assert "Nothing had been changed." in run.said
    assert not world.applied


def test_stopping_after_the_step_leaves_nothing_half_done(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.on_do = cancelling(run, "put", Run.Cancel.AFTER_STEP, by=releaser)
    world.probes["version"] = [Running("slow", ask_again=0.6)]  # long enough for the wish to be seen
    tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.CANCELLED, True)
    assert "before “Update the front end”" in run.said
    assert world.order == ["put", "version"]


def test_an_abort_stops_what_runs_and_says_what_it_leaves(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.stays_running.add("update")
    world.on_do = cancelling(run, "update", Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.CANCELLED, True)
    assert "fe-1: update was killed; its files stay." in run.said
    assert "magento-production" in run.said
    assert world.cancelled == ["update"]
    assert not any(key.startswith("flush") for key in world.order)


def test_to_stop_watching_leaves_the_world_alone(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.stays_running.add("update")
    world.on_do = cancelling(run, "update", Run.Cancel.STOP_WATCHING, by=releaser)
    tick(run.number)
    run = fresh(run)
    assert run.state == Run.State.UNKNOWN
    assert world.cancelled == []
    world.stays_running.clear()
    world.on_do = lambda act, context: None
    actions.check_now(run, by=releaser)
    tick(run.number)
    assert fresh(run).state == Run.State.SUCCEEDED
    assert set(world.applied.values()) == {1}


@pytest.mark.parametrize("end", ["waits", "is unknown"])
def test_an_abort_in_the_last_half_second_is_not_lost(start: Start, world: World, releaser: Operator, settings: Settings, end: str) -> None:
    """It comes after the wish was last asked for, and right before the run would have waited for a person."""
    run = start(Planned("update", "Update", (act("update"),)))
    probe = world.probe

    def late(act: Act, context: Context) -> effects.Finding:
        found = probe(act, context)
        if not pressed:
            pressed.append(actions.cancel_run(run, Run.Cancel.ABORT, by=releaser).revision)
        return CannotTell("nothing shows it.") if end == "is unknown" else found

    pressed: list[int] = []
    world.stays_running.add("update")
    settings.TICK_SECONDS = 0.0
    tick(run.number)
    if end == "waits":
        settings.STEP_SECONDS = 0.0
    world.probe = late  # type: ignore[method-assign]
    tick(run.number)
    assert pressed
    assert (fresh(run).state, fresh(run).cancel) == (Run.State.RUNNING, Run.Cancel.ABORT)
    world.probe = probe  # type: ignore[method-assign]
    settings.TICK_SECONDS = 10.0
    tick(run.number)
    assert fresh(run).state == Run.State.CANCELLED
    assert world.cancelled == ["update"]


@pytest.mark.parametrize("strength", [Run.Cancel.AFTER_STEP, Run.Cancel.ABORT, Run.Cancel.STOP_WATCHING])
def test_no_step_begins_after_a_stop(start: Start, world: World, releaser: Operator, strength: Run.Cancel) -> None:
    """It is pressed while the last effect of the step before is at work, and nobody asks for the wish before half a second is over."""
    run = start()
    world.on_do = cancelling(run, "update", strength, by=releaser)
    for _ in range(3):
        tick(run.number)
    run = fresh(run)
    assert world.order == ["put", "version", "update"]
    assert run.state == (Run.State.UNKNOWN if strength == Run.Cancel.STOP_WATCHING else Run.State.CANCELLED)
    assert not run.effects.filter(step__key="flush").exists()


@pytest.mark.parametrize("strength", [Run.Cancel.ABORT, Run.Cancel.STOP_WATCHING])
def test_no_further_effect_of_a_step_begins_after_a_stop_that_forbids_it(
    start: Start, world: World, releaser: Operator, strength: Run.Cancel
) -> None:
    run = start()
    world.on_do = cancelling(run, "put", strength, by=releaser)
    tick(run.number)
    assert world.order == ["put"]
    assert not run.effects.filter(key="version").exists(), "not even its intent"


def test_a_step_that_is_to_be_finished_begins_its_further_effects(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.on_do = cancelling(run, "put", Run.Cancel.AFTER_STEP, by=releaser)
    for _ in range(2):
        tick(run.number)
    assert world.order == ["put", "version"]
    assert fresh(run).state == Run.State.CANCELLED


@pytest.mark.parametrize("strength", [Run.Cancel.ABORT, Run.Cancel.STOP_WATCHING, Run.Cancel.AFTER_STEP])
def test_a_stop_between_the_intent_and_its_effect_is_heard(
    start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch, strength: Run.Cancel
) -> None:
    """As it is where many hosts have one step, and the last of them wait for a thread."""
    run = start(Planned("update", "Update", (act("update"),)))
    begin = engine.Tick._begin

    def begun(self: engine.Tick, step: Step, planned: Planned) -> dict[str, Effect]:
        rows = begin(self, step, planned)
        actions.cancel_run(run, strength, by=releaser)
        return rows

    monkeypatch.setattr(engine.Tick, "_begin", begun)
    for _ in range(2):
        tick(run.number)
    assert world.order == (["update"] if strength == Run.Cancel.AFTER_STEP else [])
    assert world.cancelled == []
    states = {Run.Cancel.AFTER_STEP: "succeeded", Run.Cancel.ABORT: "cancelled", Run.Cancel.STOP_WATCHING: "unknown"}
    assert fresh(run).state == states[strength]


def test_a_run_that_was_complete_before_it_could_be_stopped_says_so(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.on_do = cancelling(run, "flush-fe-3", Run.Cancel.AFTER_STEP, by=releaser)
    for _ in range(2):
        tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.SUCCEEDED, False)
    assert run.said == "It was complete before it could be cancelled."


def test_what_failed_before_it_could_be_aborted_says_why(start: Start, world: World, releaser: Operator) -> None:
    run = start()
    world.refuse["update"] = Busy("client-magento-prod is not Ready.")
    world.on_do = cancelling(run, "update", Run.Cancel.ABORT, by=releaser)
    for _ in range(2):
        tick(run.number)
    run = fresh(run)
    assert (run.state, run.holds_lock) == (Run.State.FAILED, True)
    assert "client-magento-prod is not Ready." in run.said
    assert "asked to abort it; nothing had to be stopped." in run.said


# -- each abort that is pressed


class Stubborn:
    """An effect that goes on running; how it was asked to stop is counted."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self.asked: list[str] = []
        self.errors = list(errors)
        world.stays_running.add("update")
        monkeypatch.setattr(world, "cancel", self)

    def __call__(self, act: Act, context: Context) -> str:
        self.asked.append(act.key)
        if self.errors:
            raise self.errors.pop(0)
        return f"{act.target}: 4711 goes on"


def abort(run: Run, by: Operator) -> None:
    actions.cancel_run(fresh(run), Run.Cancel.ABORT, by=by)
    for _ in range(2):
        tick(run.number)


def test_an_abort_that_was_refused_can_be_pressed_again(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS = 0.1
    stubborn = Stubborn(world, monkeypatch, Busy("not abortable yet."))
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    for presses in (1, 2, 3):
        abort(run, releaser)
        assert stubborn.asked == ["update"] * presses
    actions.check_now(fresh(run), by=releaser)
    tick(run.number)
    assert stubborn.asked == ["update"] * 3, "only an abort is one"
    assert Effect.objects.get(run=run).answer["cancel"] == "fe-1: 4711 goes on"


def test_an_abort_is_pressed_again_while_a_tick_is_at_work(
    start: Start, world: World, releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(Planned("update", "Update", (act("update"),)))
    world.on_do = cancelling(run, "update", Run.Cancel.ABORT, by=releaser)
    stubborn = Stubborn(world, monkeypatch)

    def cancel(act: Act, context: Context) -> str:
        said = stubborn(act, context)
        if len(stubborn.asked) == 1:
            actions.cancel_run(fresh(run), Run.Cancel.ABORT, by=releaser)
        else:
            world.stays_running.clear()
            world.ends_badly.add("update")
        return said

    monkeypatch.setattr(world, "cancel", cancel)
    tick(run.number)
    assert stubborn.asked == ["update"] * 2
    assert fresh(run).state == Run.State.CANCELLED


def test_an_abort_that_gets_no_answer_is_asked_again_after_a_pause(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS = 0.1
    run = start(Planned("update", "Update", (act("update"),)))
    Stubborn(world, monkeypatch)
    tick(run.number)
    settings.TICK_SECONDS = 2.0
    monkeypatch.setattr(work, "FIRST_PAUSE", 0.5)
    asked: list[float] = []

    def cancel(act: Act, context: Context) -> str:
        asked.append(time.monotonic())
        raise Throttled("too many calls.")

    monkeypatch.setattr(world, "cancel", cancel)
    actions.cancel_run(fresh(run), Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    assert len(asked) >= 2
    assert asked[1] - asked[0] > 0.25


def test_after_it_was_resumed_an_abort_is_a_new_one(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS = 0.1
    stubborn = Stubborn(world, monkeypatch)
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    abort(run, releaser)
    world.silent.add("update")
    tick(run.number)
    assert fresh(run).state == Run.State.UNKNOWN
    world.silent.clear()
    actions.resume(fresh(run), by=releaser)
    tick(run.number)
    assert stubborn.asked == ["update"]
    abort(run, releaser)
    assert stubborn.asked == ["update"] * 2


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_did_not_happen_is_begun_only_where_nobody_wants_it_stopped(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    settings.TICK_SECONDS = 0.1
    Stubborn(world, monkeypatch)
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    abort(run, releaser)
    world.silent.add("update")
    tick(run.number)
    world.silent.clear()
    world.stays_running.clear()
    world.applied["update"] = 0
    settings.TICK_SECONDS = 10.0
    if goes_on:
        actions.resume(fresh(run), by=releaser)
    else:
        actions.check_now(fresh(run), by=releaser)
    tick(run.number)
    assert world.applied["update"] == int(goes_on)
    assert fresh(run).state == (Run.State.SUCCEEDED if goes_on else Run.State.CANCELLED)
    if not goes_on:
        assert "4711 goes on" in fresh(run).said


def test_what_was_in_doubt_before_another_host_heard_of_the_abort_is_aborted_too(start: Start, world: World, releaser: Operator) -> None:
    hosts = (act("one", "fe-1"), act("two", "fe-2"))
    run = start(Planned("flush", "Flush", hosts, parallel=True))
    world.probes["one"] = [CannotTell("nothing shows it.")]
    world.probes["two"] = [Running("slow", ask_again=0.6), Running("slow", ask_again=0.6)]
    world.stays_running |= {"one", "two"}

    def before(point: str) -> None:
        if point == "probe two" and not pressed:
            while not Effect.objects.filter(run=run, key="one", state=Effect.State.UNKNOWN).exists():
                time.sleep(0.01)
            pressed.append(actions.cancel_run(fresh(run), Run.Cancel.ABORT, by=releaser).revision)

    pressed: list[int] = []
    world.before = before
    for _ in range(3):
        tick(run.number)
    assert sorted(world.cancelled) == ["one", "two"]
    assert fresh(run).state == Run.State.CANCELLED


@pytest.mark.parametrize("strength", [Run.Cancel.ABORT, Run.Cancel.AFTER_STEP])
def test_a_stop_of_what_runs_too_long_is_followed(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch, strength: Run.Cancel
) -> None:
    settings.TICK_SECONDS, settings.STEP_SECONDS = 0.0, 30.0
    stubborn = Stubborn(world, monkeypatch)
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    Step.objects.filter(run=run).update(started=timezone.now() - timedelta(hours=1))
    tick(run.number)
    assert fresh(run).state == Run.State.WAITING
    actions.cancel_run(fresh(run), strength, by=releaser)
    for _ in range(2):
        tick(run.number)
    assert fresh(run).state == Run.State.RUNNING
    assert stubborn.asked == (["update"] if strength == Run.Cancel.ABORT else [])
    run.steps.update(started=timezone.now() - timedelta(hours=1))
    Run.objects.filter(pk=run.pk).update(abort_at=0)
    tick(run.number)
    assert fresh(run).state == Run.State.WAITING, "not for ever"


def test_an_abort_in_the_last_second_of_a_step_is_followed(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS, settings.STEP_SECONDS = 0.0, 30.0
    Stubborn(world, monkeypatch)
    run = start(Planned("update", "Update", (act("update"),)))
    tick(run.number)
    actions.cancel_run(fresh(run), Run.Cancel.ABORT, by=releaser)
    Step.objects.filter(run=run).update(started=timezone.now() - timedelta(seconds=31))
    tick(run.number)
    assert fresh(run).state == Run.State.RUNNING


@pytest.mark.parametrize("press", [True, False])
def test_who_asks_for_a_run_that_is_being_worked_on_does_not_wait_for_its_waking_time(
    start: Start, world: World, releaser: Operator, settings: Settings, monkeypatch: pytest.MonkeyPatch, press: bool
) -> None:
    settings.TICK_SECONDS = 0.0
    rung: list[int] = []
    run = start(Planned("update", "Update", (act("update"),)))
    monkeypatch.setattr(doorbell, "ring", rung.append)
    world.probes["update"] = [Running("half way", ask_again=30.0)]

    def on_do(act: Act, context: Context) -> None:
        if press:
            actions.check_now(run, by=releaser)
            rung.clear()  # a worker took that ring at once, and found the lease held

    world.on_do = on_do
    tick(run.number)
    assert rung == ([run.number] if press else [])
    assert reconcile.neglected() == ([run.number] if press else [])


@pytest.mark.django_db
def test_a_rehearsed_process_has_read_what_each_effect_asks_the_estate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_known", None)
    engine.rehearse()
    monkeypatch.setattr(reading, "load", lambda path: pytest.fail("the estate is read between the button and the first line"))
    observing.refuse("a command")
