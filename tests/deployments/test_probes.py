"""What the probe of an update makes of rows: only what Beanstalk says now is believed, and only what it said after the intent."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from deployments.effects import hosts
from deployments.effects.beanstalk import STALE, UpdateEnvironment
from deployments.effects.following import Follow
from deployments.effects.looks import SETTLING, Verify
from deployments.effects.servers import RestartServers
from estate import observe
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host, Watched
from people.models import Operator
from remote.aws import beanstalk
from remote.errors import Refused, Unanswered
from remote.ssh.runner import State
from runs.effects import CannotTell, Context, Done, Failed, Finding, Kind, NotDone, Running
from runs.models import Effect, Run
from runs.plan import Act
from tests import scenery
from tests.scenery import Silent

pytestmark = pytest.mark.django_db
FRONT = "client-magento-prod"
LABEL = "r418-a91c3e7"


@pytest.fixture(autouse=True)
def paused() -> None:
    """AWS throttles: for the next minute nobody asks it, and the rows are all that there is."""
    scenery.observed()
    now = timezone.now()
    for subject in observe.subjects(scenery.target(), observe._close(scenery.target())):
        later = {"tried": now, "failures": 6, "not_before": now + timedelta(minutes=1), "error": "AWS throttles."}
        Watched.objects.update_or_create(name=subject.name, defaults=later)


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Beanstalk describes the environment by, where that is asked; at the end, by whom it was changed last."""
    said = ["Magento, front end"]

    def update(name: str, label: str, description: str) -> None:
        said.append(description)
        raise Unanswered("Beanstalk did not answer in time")

    monkeypatch.setattr(beanstalk, "environment", lambda name: SimpleNamespace(description=said[-1]))
    monkeypatch.setattr(beanstalk, "update", update)
    return said


def asked(
    *,
    intent: datetime,
    seen: datetime,
    again: datetime | None = None,
    version: str = LABEL,
    accepted: datetime | None = None,
    **answer: object,
) -> Finding:
    """The answer to "was our update done?" where Beanstalk and every host last said so at `seen`, the call's answer came at `accepted`."""
    if accepted is not None:
        answer["accepted"] = accepted.isoformat()
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=version, updated=intent - timedelta(hours=1), seen=seen)
    arrived = {"version": version, "deployed": intent + timedelta(seconds=1), "deployment_status": "Deployed"}
    Host.objects.filter(beanstalk=FRONT).update(seen=seen, **arrived)
    act = Act(
        "beanstalk.update",
        "update:front",
        FRONT,
        params={"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL},
    )
    context = Context(1, 1, {}, intent, answer, lambda host: Silent(), lambda: False, 0.0, again_at=again)
    return UpdateEnvironment().probe(act, context)


def test_a_look_that_is_too_old_proves_nothing() -> None:
    now = timezone.now()
    intent = now - timedelta(minutes=5)
    fresh, old = now - STALE + timedelta(seconds=3), now - STALE - timedelta(seconds=1)
    assert isinstance(asked(intent=intent, seen=fresh, accepted=intent), Done)
    found = asked(intent=intent, seen=old, accepted=intent)
    assert found == Running("waiting for Beanstalk's answer", {}, ask_again=1, certain=False)


@pytest.mark.parametrize("kind", [UpdateEnvironment(), Follow(), RestartServers()])
@pytest.mark.parametrize(
    ("seen", "certain"), [(STALE + timedelta(seconds=1), False), (timedelta(hours=4), False), (timedelta(seconds=1), True)]
)
def test_nobody_says_of_what_was_not_heard_that_it_is_under_way(kind: Kind, seen: timedelta, certain: bool) -> None:
    now = timezone.now()
    intent = now - timedelta(hours=3)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Updating", version=LABEL, updated=intent, seen=now - seen)
    params = {"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL, "since": intent.isoformat()}
    answer = {"accepted": intent.isoformat()}
    found = kind.probe(
        Act("any", "any", FRONT, params=params), Context(1, 1, {}, intent, answer, lambda host: Silent(), lambda: False, 0.0)
    )
    assert isinstance(found, Running)
    assert found.certain == certain
    assert (found.said == "waiting for Beanstalk's answer") is not certain


@pytest.mark.parametrize("kind", [UpdateEnvironment(), RestartServers()])
def test_somebody_elses_change_is_no_sign_of_ours(kind: Kind) -> None:
    now = timezone.now()
    intent = now - timedelta(minutes=5)
    before = intent - timedelta(minutes=1)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(
        status="Updating", version="theirs", updated=before, seen=now - timedelta(seconds=1)
    )
    params = {"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL}
    found = kind.probe(Act("any", "any", FRONT, params=params), Context(1, 1, {}, intent, {}, lambda host: Silent(), lambda: False, 0.0))
    assert found == Running(f"{FRONT} is Updating", ask_again=found.ask_again, certain=False)  # type: ignore[union-attr]


def test_an_old_look_does_not_prove_that_nothing_happened() -> None:
    """As after an old backup: its rows say Ready, with the version before, and a second request would follow from that."""
    now = timezone.now()
    intent = now - timedelta(minutes=5)
    assert isinstance(asked(intent=intent, seen=now - timedelta(seconds=1), version="r417-0000000"), NotDone)
    assert isinstance(asked(intent=intent, seen=now - STALE - timedelta(seconds=1), version="r417-0000000"), Running)


@pytest.mark.parametrize("version", [LABEL, "r417-0000000"])  # it went well; it failed, and Beanstalk shows the version before
def test_a_request_that_arrived_is_not_made_again_though_our_clock_was_moved(described: list[str], version: str) -> None:
    """By two minutes, between the plan and the request, which had no answer: all that Beanstalk did is dated before it."""
    now = timezone.now()
    intent = now - timedelta(minutes=5)

    def probed(of: datetime) -> Finding:
        seen = now - timedelta(seconds=1)
        jumped = of - timedelta(minutes=2)
        BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=version, updated=jumped, seen=seen)
        Host.objects.filter(beanstalk=FRONT).update(seen=seen, version=version, deployed=jumped, deployment_status="Deployed")
        return UpdateEnvironment().probe(act, Context(1, 1, {}, of, {}, lambda host: Silent(), lambda: False, 0.0))

    params = {"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL}
    act = Act("beanstalk.update", "update:front", FRONT, params=params)
    assert isinstance(probed(intent), NotDone), "somebody else describes it"
    with pytest.raises(Unanswered):
        UpdateEnvironment().do(act, Context(1, 1, {}, intent, {}, lambda host: Silent(), lambda: False, 0.0))
    found = probed(intent)
    assert isinstance(found, CannotTell)
    assert "did arrive" in found.why
    assert isinstance(probed(intent + timedelta(seconds=20)), NotDone), "what a later attempt asks for is described otherwise"
    described.append(described[0])
    assert isinstance(probed(intent), NotDone)


@pytest.mark.parametrize(
    ("again", "seen", "found"),
    [
        (3600, 1, NotDone),  # nothing came of that either, and it can no longer arrive
        (2, 3, Running),  # the look that the second request followed from
        (2, 1, Running),  # a look from after it: it may still arrive
    ],
)
def test_what_was_asked_for_again_may_arrive_as_late_as_the_first(again: float, seen: float, found: type[Finding]) -> None:
    """Nothing had come of the first request, long ago; the answer to the second was lost. A third would deploy twice."""
    now = timezone.now()
    before = now - timedelta(hours=2)
    asked_again = now - timedelta(seconds=again)
    answer = asked(intent=before, again=asked_again, seen=now - timedelta(seconds=seen), version="r417-0000000")
    assert isinstance(answer, found)
    if isinstance(answer, Running) and seen < again:
        assert not answer.certain, "nobody says of what was not answered that it is under way"


def test_a_look_from_before_the_intent_proves_nothing() -> None:
    now = timezone.now()
    one, two, three = (now - timedelta(seconds=number) for number in (1, 2, 3))
    assert isinstance(asked(intent=three, seen=two, accepted=three), Done)
    assert isinstance(asked(intent=two, seen=three, accepted=two), Running)
    assert isinstance(asked(intent=three, seen=two, accepted=one), Running), "the attempt was made long after its intent"


def test_a_look_by_a_clock_that_is_ahead_fails_no_deployment() -> None:
    """Seen before the request, by a process whose clock is three seconds ahead of the worker's: Ready, with the version before."""
    now, old = timezone.now(), "r417-0000000"
    sent, long_ago = now - timedelta(seconds=1), now - timedelta(minutes=5)
    early = asked(intent=sent, seen=now + timedelta(seconds=2), version=old, accepted=sent)
    assert isinstance(early, Running)
    assert early.said == "Beanstalk says nothing of the update yet"
    # Seen under way meanwhile, or long after the request, it is one.
    ready = (now - timedelta(minutes=1)).isoformat()
    assert isinstance(asked(intent=sent, seen=now, version=old, accepted=sent, ready=ready), Running)
    assert isinstance(asked(intent=sent, seen=now, version=old, accepted=sent, ready=ready, ours=True), Failed)
    assert isinstance(asked(intent=long_ago, seen=now, version=old, accepted=sent, ready=ready), Running), (
        "another worker's intent is older"
    )
    assert isinstance(asked(intent=long_ago, seen=now, version=old, accepted=long_ago, ready=ready), Failed)
    # Nor does it prove that nothing happened, which would have the request made again.
    ahead = asked(intent=now - timedelta(seconds=18), seen=now + timedelta(seconds=3), version=old)
    assert isinstance(ahead, Running)


def test_behind_the_curtain_an_event_has_beanstalk_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visitors wait there: not until it is its turn again."""
    looked: list[list[str]] = []
    monkeypatch.setattr(observe, "look", lambda subjects: looked.append([subject.name for subject in subjects]))
    monkeypatch.setattr(observe, "refresh", lambda target, *, max_age: None)
    intent = timezone.now() - timedelta(minutes=1)
    words = "Environment update completed successfully."
    event = BeanstalkEvent.objects.create(environment=FRONT, time=timezone.now(), severity="INFO", message=words, digest="one")
    closed = {"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL, "closed": True}

    def probe(params: dict[str, object], **answer: object) -> None:
        looked.clear()
        act = Act("beanstalk.update", "update:front", FRONT, params=params)
        UpdateEnvironment().probe(act, Context(1, 1, {}, intent, answer, lambda host: Silent(), lambda: False, 0.0))

    probe(closed)
    assert looked == [["environments:client-magento", f"health:{FRONT}"]]
    probe(closed, event=event.pk)
    assert looked == [], "nothing new has been heard"
    probe(closed, event=event.pk, ready=timezone.now().isoformat())
    assert len(looked) == 1, "only the hosts' own word is missing"
    probe({**closed, "closed": False})
    assert looked == [], "a rolling one has its turn"


@pytest.mark.parametrize("label", ["r416-of-before", LABEL])
def test_a_host_that_an_earlier_release_left_failed_waits_for_this_ones_deployment(
    releaser: Operator, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    """The same label, too: a release that failed is made again. Only when the update itself is over comes nothing any more."""
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    intent = timezone.now()
    host = Host.objects.get(name="fe-2")
    Host.objects.filter(pk=host.pk).update(version=label, deployment_status="Failed", deployed=intent - timedelta(days=1))
    flags = [True]
    monkeypatch.setattr(hosts, "runner", lambda: SimpleNamespace(status=lambda ip, key: State("absent", None, 0)))
    monkeypatch.setattr(hosts, "flag_is_there", lambda ip: flags[0])
    update = Effect.objects.create(
        run=run, step=run.steps.get(key="deploy-front"), act="update:front", key="update:front", kind="beanstalk.update", target=FRONT,
        state=Effect.State.OBSERVED, epoch=1,
    )  # fmt: skip
    params = {"ip": str(host.private_ip), "instance_id": host.pk, "label": LABEL}
    act = Act("magento.reopen", "reopen:fe-2", "fe-2", ("bin/magento",), params=params)
    context = Context(run.number, 1, {}, intent, {"armed": True}, lambda host: Silent(), lambda: False, 0.0, key="reopen:fe-2")
    assert isinstance(hosts.Reopen().probe(act, context), Running)

    Host.objects.filter(pk=host.pk).update(version=LABEL, deployment_status="Deployed", deployed=intent + timedelta(minutes=2))
    assert isinstance(hosts.Reopen().probe(act, context), NotDone), "it has come, and the flag is on: to be switched off"
    flags[0] = False
    assert isinstance(hosts.Reopen().probe(act, context), Done)

    Host.objects.filter(pk=host.pk).update(deployment_status="Failed", gone=timezone.now())
    assert isinstance(hosts.Reopen().probe(act, context), Done), "Auto Scaling has taken it away: nothing comes to it"
    Host.objects.filter(pk=host.pk).update(gone=None)
    assert isinstance(hosts.Reopen().probe(act, context), Running), "what Beanstalk makes of it is said by the update"
    Effect.objects.filter(pk=update.pk).update(state=Effect.State.FAILED)
    found = hosts.Reopen().probe(act, context)
    assert isinstance(found, Done)
    assert "its deployment did not happen" in found.said


@pytest.mark.parametrize("status", ["Aborting", "Updating"])
def test_an_abort_that_is_asked_for_once_more_is_not_called_refused(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    def refuse(name: str) -> None:
        raise Refused("Environment is in an invalid state for this operation.", "Wait.")

    monkeypatch.setattr(beanstalk, "abort", refuse)
    monkeypatch.setattr(beanstalk, "environment", lambda name: SimpleNamespace(status=status))
    act = Act("beanstalk.update", "update:front", FRONT, params={"beanstalk": FRONT})
    said = UpdateEnvironment().cancel(act, Context(1, 1, {}, timezone.now(), {}, lambda host: Silent(), lambda: True, 0.0))
    assert ("refused to abort" in said) == (status != "Aborting")
    assert ("mixed versions" in said) == (status == "Aborting")


def test_a_host_has_its_time_to_settle_from_the_first_look_on() -> None:
    """The intent of a run whose backup was put back lies at its start: a host that is not well yet would have failed it at once."""
    Host.objects.filter(name="fe-1").update(health_status="Info", target_state="unhealthy")
    every = list(Host.objects.filter(service="magento").values_list("pk", flat=True))
    act = Act(
        "release.verify", "verify", "console", params={"service": "magento", "environment": "production", "label": LABEL, "hosts": every}
    )

    def looked(**answer: object) -> Finding:
        intent = timezone.now() - timedelta(hours=1)
        return Verify().probe(act, Context(1, 1, {}, intent, answer, lambda host: Silent(), lambda: False, 0.0))

    first = looked()
    assert isinstance(first, Running)
    assert isinstance(looked(**first.answer), Running)
    long_ago = {"since": (timezone.now() - SETTLING - timedelta(seconds=1)).isoformat()}
    last = looked(**long_ago)
    assert isinstance(last, Failed)
    assert "fe-1" in last.said
