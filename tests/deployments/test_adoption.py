"""Somebody else deploys: it is said with its events, a releaser follows it here, and the run compares every host at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from deployments import adoption, doors
from deployments.effects.following import Follow
from deployments.overview import overview
from estate import observe
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host
from estate.reading import current
from people.models import Operator
from people.permissions import Forbidden
from remote.aws import beanstalk
from runs.actions import KeyReused, LockHeld, cancel_run
from runs.effects import Context, Done, Failed, Finding, Running
from runs.engine import tick
from runs.models import Effect, LogChunk, Run, Step
from runs.plan import Act
from tests import box, scenery
from tests.scenery import Silent

pytestmark = pytest.mark.django_db(transaction=True)
FRONT = "client-magento-prod"
PATH = "/services/magento/production/follow/"


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since a minute ago somebody deploys hotfix-1 to the front end. AWS is not asked: the rows are what it said."""
    monkeypatch.setattr(observe, "refresh", lambda target, *, max_age: None)
    scenery.observed()
    began = timezone.now() - timedelta(minutes=1)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Updating", updated=began)
    scenery.event(FRONT, began - timedelta(hours=1), "Something of before.")
    scenery.event(FRONT, began + timedelta(seconds=1), "Environment update is starting.")
    scenery.event(FRONT, began + timedelta(seconds=5), "Deploying new version to instance(s).")
    BeanstalkEvent.objects.filter(message__startswith="Deploying").update(version="hotfix-1")


def seen(releaser: Operator) -> tuple[adoption.Elsewhere, ...]:
    held = list(Run.objects.filter(holds_lock=True))
    (row,) = overview(releaser, held, timezone.now(), only=scenery.target())
    return adoption.elsewhere(row, BeanstalkEvent.objects.order_by("-time"))


def test_it_is_seen_with_its_events(releaser: Operator, someone: None) -> None:
    (found,) = seen(releaser)
    assert (found.name, found.status, found.label) == (FRONT, "Updating", "hotfix-1")
    assert [event.message for event in found.events] == ["Deploying new version to instance(s).", "Environment update is starting."]


def test_what_is_ours_is_not_somebody_elses(releaser: Operator, someone: None) -> None:
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING)
    assert seen(releaser) == ()
    Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED)
    assert len(seen(releaser)) == 1
    BeanstalkEnvironment.objects.update(status="Ready")
    assert seen(releaser) == ()


def test_what_somebody_else_did_while_nothing_ran_is_said_afterwards(client: Client, releaser: Operator, someone: None) -> None:
    address = "/services/magento/production/"
    client.force_login(releaser)
    at = timezone.now()
    Host.objects.filter(beanstalk=FRONT).update(deployed=at, version="hotfix-1")
    said = f'The last deployment to <span class="mono">{FRONT}</span>, of '
    assert said not in client.get(address).content.decode(), "it is still under way, and said as that"
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version="hotfix-1")
    page = client.get(address).content.decode()
    assert f"{said}hotfix-1, was on the first host" in page
    assert "No run of the console is known to have asked for it" in page
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, holds_lock=False)
    Run.objects.filter(pk=run.pk).update(started=at - timedelta(minutes=9), ended=at + timedelta(minutes=1))
    assert said not in client.get(address).content.decode(), "a run of ours did it"


def done(releaser: Operator) -> list[str]:
    (row,) = overview(releaser, [], timezone.now(), only=scenery.target())
    return [each.name for each in adoption.done_elsewhere(row)]


def test_an_instance_that_was_replaced_is_no_deployment_of_somebody_else(releaser: Operator, someone: None) -> None:
    at = timezone.now()
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version="of-a-run-that-names-none")
    Host.objects.filter(beanstalk=FRONT).update(deployed=at - timedelta(hours=5), deployment_id=7)
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, holds_lock=False)
    Run.objects.filter(pk=run.pk).update(started=at - timedelta(hours=6), ended=at - timedelta(hours=4))
    Host.objects.filter(beanstalk=FRONT, name="fe-2").update(deployed=at)
    assert done(releaser) == []
    Host.objects.filter(beanstalk=FRONT, name="fe-2").update(deployment_id=8)
    assert done(releaser) == [FRONT]


def test_what_a_run_of_ours_asked_for_is_ours_however_long_beanstalk_took(releaser: Operator, someone: None) -> None:
    at = timezone.now()
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=scenery.NEW)
    Host.objects.filter(beanstalk=FRONT).update(deployed=at, deployment_id=7)
    assert done(releaser) == [FRONT]
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.FAILED, holds_lock=False)
    assert done(releaser) == [FRONT], "it has not begun"
    Run.objects.filter(pk=run.pk).update(started=at - timedelta(hours=2), ended=at - timedelta(hours=1))
    assert done(releaser) == []
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(version="hotfix-1")
    assert done(releaser) == [FRONT]


def test_both_pages_say_so(
    client: Client, releaser: Operator, viewer: Operator, someone: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(releaser)
    with django_assert_max_num_queries(12):
        said = client.get("/").content.decode()
    assert f"Someone else is deploying to {FRONT}: hotfix-1" in said
    assert "Deploying new version to instance(s)." in said
    with django_assert_max_num_queries(12):
        said = client.get("/services/magento/production/").content.decode()
    assert f"Someone else is deploying to {FRONT}" in said
    assert "label hotfix-1 since" in said
    assert "Follow it here" in said
    client.force_login(viewer)
    said = client.get("/services/magento/production/?part=live").content.decode()
    assert f"Someone else is deploying to {FRONT}" in said
    assert "Follow it here" not in said
    assert "one has to be a releaser" in said


def test_a_key_that_is_none_follows_nothing(client: Client, releaser: Operator, someone: None) -> None:
    client.force_login(releaser)
    page = client.post(PATH, {"beanstalk": FRONT, "idempotency_key": "press 1"}, follow=True).content.decode()
    assert "is no Idempotency-Key" in page
    assert not Run.objects.exists()
    client.post(PATH, {"beanstalk": FRONT, "idempotency_key": "the-first-press"})
    assert Run.objects.get().idempotency_key == "the-first-press"


def test_a_releaser_follows_it(client: Client, releaser: Operator, someone: None) -> None:
    client.force_login(releaser)
    answer = client.post(PATH, {"beanstalk": FRONT})
    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/runs/{run.number}/")
    assert (run.kind, run.lock_group, run.holds_lock) == ("adopted", "magento-production", True)
    ((act,),) = [step["acts"] for step in run.plan.document["steps"]]
    assert (act["kind"], act["target"], act["argv"]) == ("beanstalk.follow", FRONT, [])
    page = client.get(f"/runs/{run.number}/").content.decode()
    assert "somebody else&#x27;s deployment of" in page or "somebody else's deployment of" in page
    assert client.get(f"/plans/{run.plan_id}/").status_code == 200
    assert client.get(f"/plans/{run.plan_id}/plan.sh").status_code == 200
    assert client.get(f"/plans/{run.plan_id}/gates").status_code == 404
    assert client.post(f"/plans/{run.plan_id}/start/", {"hash": run.plan.hash}).status_code == 404
    assert "Someone else" not in client.get("/services/magento/production/").content.decode()
    with pytest.raises(LockHeld):
        adoption.follow(scenery.target(), FRONT, idempotency_key="another", by=releaser)
    Run.objects.update(idempotency_key="the same")
    assert adoption.follow(scenery.target(), FRONT, idempotency_key="the same", by=releaser) == run


def test_it_takes_the_lock_over_from_a_run_that_failed(releaser: Operator, someone: None) -> None:
    failed = scenery.run(scenery.plan(releaser), releaser, state=Run.State.FAILED)
    run = adoption.follow(scenery.target(), FRONT, idempotency_key="one", by=releaser)
    assert run.takes_over == failed


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("client-magento-prod-bo", "is Ready: nobody is deploying"),
        ("another", "no Beanstalk environment named"),
        ("", "no Beanstalk environment named"),
    ],
)
def test_where_nobody_deploys_there_is_nothing_to_follow(client: Client, releaser: Operator, someone: None, name: str, why: str) -> None:
    client.force_login(releaser)
    assert why in client.post(PATH, {"beanstalk": name}, follow=True).content.decode()
    assert not Run.objects.exists()


def test_others_follow_nothing(client: Client, viewer: Operator, operator: Operator, stranger: Operator, someone: None) -> None:
    assert client.post(PATH, {"beanstalk": FRONT}).status_code == 302
    for person in (viewer, operator):
        client.force_login(person)
        assert "one has to be a releaser" in client.post(PATH, {"beanstalk": FRONT}, follow=True).content.decode()
        with pytest.raises(Forbidden):
            adoption.follow(scenery.target(), FRONT, idempotency_key="one", by=person)
    client.force_login(stranger)
    assert client.post(PATH, {"beanstalk": FRONT}).status_code == 403
    client.force_login(operator)
    assert client.get(PATH).status_code == 405
    assert client.post("/services/none/production/follow/").status_code == 404
    assert not Run.objects.exists()


# -- the probe


def probed(releaser: Operator, **answer: str) -> Finding:
    run = Run.objects.first() or adoption.follow(scenery.target(), FRONT, idempotency_key="one", by=releaser)
    planned = run.plan.document["steps"][0]["acts"][0]
    act = Act(**{**planned, "argv": ()})
    context = Context(
        run=run.number,
        epoch=1,
        facts={},
        intent_at=timezone.now() - timedelta(seconds=40),
        answer=answer,
        out=lambda host: Silent(),
        cancelled=lambda: False,
        patience=0,
    )
    return Follow().probe(act, context)


def test_the_probe_waits_until_ready_and_then_for_every_hosts_word(releaser: Operator, someone: None) -> None:
    found = probed(releaser)
    assert isinstance(found, Running)
    assert "Updating" in found.said
    assert found.answer["event"] == BeanstalkEvent.objects.order_by("-pk")[0].pk
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version="hotfix-1")
    found = probed(releaser)
    assert isinstance(found, Running)
    ready = found.answer["ready"]
    Host.objects.filter(beanstalk=FRONT).update(version="hotfix-1", seen=timezone.now())
    found = probed(releaser, ready=ready)
    assert isinstance(found, Done)
    assert found.said == "4 of 4 hosts on hotfix-1"


def test_a_success_that_one_host_never_saw_is_a_failure(releaser: Operator, someone: None) -> None:
    probed(releaser)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version="hotfix-1")
    Host.objects.filter(beanstalk=FRONT).exclude(name="fe-2").update(version="hotfix-1")
    Host.objects.update(seen=timezone.now())
    ready = (timezone.now() - timedelta(seconds=5)).isoformat()
    assert isinstance(probed(releaser, ready=ready), Running)
    ready = (timezone.now() - timedelta(seconds=30)).isoformat()
    found = probed(releaser, ready=ready)
    assert isinstance(found, Failed)
    assert f"fe-2 ({scenery.OLD}, Deployed)" in found.said


@pytest.mark.parametrize("mixed", [False, True])
def test_a_deployment_that_ends_with_the_version_before_is_no_success(releaser: Operator, someone: None, mixed: bool) -> None:
    """It failed, or was aborted: Beanstalk is Ready and calls that its version again, and every host may have it."""
    probed(releaser)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=scenery.OLD)
    ready = (timezone.now() - timedelta(seconds=2)).isoformat()
    Host.objects.update(seen=timezone.now() - timedelta(seconds=3))
    if mixed:
        Host.objects.filter(name="fe-1").update(version="hotfix-1")
    assert isinstance(probed(releaser, ready=ready), Running), "the hosts' own word is from before"
    Host.objects.update(seen=timezone.now())
    found = probed(releaser, ready=ready)
    assert isinstance(found, Failed)
    assert found.said.startswith(f"Beanstalk is Ready with {scenery.OLD}, and not with hotfix-1, which the deployment was begun with")
    assert ("fe-1 (hotfix-1, Deployed)" in found.said) is mixed


def test_who_aborts_what_was_followed_reads_cancelled(
    releaser: Operator, someone: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL, settings.TICK_SECONDS = "unix:///nowhere/valkey.sock", 0.3
    asked: list[str] = []
    monkeypatch.setattr(beanstalk, "abort", asked.append)
    run = adoption.follow(scenery.target(), FRONT, idempotency_key="one", by=releaser)
    tick(run.number)
    cancel_run(run, Run.Cancel.ABORT, by=releaser)
    tick(run.number)
    assert asked == [FRONT]
    later = timezone.now() + timedelta(seconds=2)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=scenery.OLD, seen=later)
    Host.objects.filter(beanstalk=FRONT).update(seen=later)
    tick(run.number)
    run.refresh_from_db()
    assert (run.state, run.holds_lock) == (Run.State.CANCELLED, True), run.said
    assert f"{FRONT}: abort asked for" in run.said
    assert "and not with hotfix-1" in run.steps.get().said


@pytest.mark.parametrize(
    ("ago", "state", "why"), [(1, "waiting", "still runs after its longest time"), (60, "unknown", "without an answer")]
)
def test_what_becomes_of_it_when_its_longest_time_is_over(
    releaser: Operator, someone: None, settings: Settings, ago: int, state: str, why: str
) -> None:
    """It is only said to run where Beanstalk says so now."""
    settings.REDIS_URL, settings.TICK_SECONDS = "unix:///nowhere/valkey.sock", 0.3
    run = adoption.follow(scenery.target(), FRONT, idempotency_key="one", by=releaser)
    tick(run.number)
    long_ago = timezone.now() - timedelta(hours=12)
    Effect.objects.filter(run=run).update(intent_at=long_ago)
    Step.objects.filter(run=run).update(started=long_ago)
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(seen=timezone.now() - timedelta(seconds=ago))
    tick(run.number)
    run.refresh_from_db()
    assert run.state == state
    assert why in run.said


# -- the whole, over the wires


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.SSH_CONFIG, settings.SSH_BROKER = sandbox["ssh_config"], ""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    settings.POLL_ACTIVE_SECONDS, settings.TICK_SECONDS = 0.4, 2.0
    doors.door.cache_clear()
    found = box.Control(sandbox)
    yield found
    found.close()
    doors.door().close()
    doors.door.cache_clear()


@pytest.mark.timeout(120)
def test_a_deployment_at_awss_own_console_is_followed_to_its_end(control: box.Control, operator: Operator, client: Client) -> None:
    target = current().target("magento", "pre-production")
    observe.watch()
    control.act("someone-else", environment="client-magento-preprod")
    observe.refresh(target, max_age=0)
    end = time.monotonic() + 20
    while BeanstalkEnvironment.objects.get(pk="client-magento-preprod").status == "Ready":
        assert time.monotonic() < end
        observe.refresh(target, max_age=0)
    client.force_login(operator)
    assert "Someone else is deploying to client-magento-preprod" in client.get("/services/magento/pre-production/").content.decode()
    run = adoption.follow(target, "client-magento-preprod", idempotency_key="one", by=operator)
    end = time.monotonic() + 90
    while run.is_active:
        assert time.monotonic() < end, run.said
        tick(run.number)
        run.refresh_from_db()
    assert (run.state, run.holds_lock) == (Run.State.SUCCEEDED, False), run.said
    assert run.steps.get().said.startswith("1 of 1 hosts on ")
    assert "Environment update completed successfully" in "\n".join(LogChunk.objects.filter(run=run).values_list("text", flat=True))


def test_a_key_of_something_else_follows_nothing(releaser: Operator, someone: None) -> None:
    release = scenery.run(scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, holds_lock=False)
    with pytest.raises(KeyReused, match=f"started run {release.number}"):
        adoption.follow(scenery.target(), FRONT, idempotency_key=release.idempotency_key, by=releaser)
    assert Run.objects.count() == 1
    run = adoption.follow(scenery.target(), FRONT, idempotency_key="press-2", by=releaser)
    assert adoption.follow(scenery.target(), FRONT, idempotency_key="press-2", by=releaser) == run
