"""The guard of maintenance mode: what it finds, when it says so, what it does not cry about; its banner; and the safe exit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from deployments import doors, guard, reopening
from deployments.models import Alert
from deployments.strategies import sweeper
from deployments.strategies.curtain import Drawn
from estate import maintenance, observe
from estate.definition import Target
from estate.models import Host, ShopAnswer, Watched
from people.models import Operator
from people.permissions import Forbidden
from remote.aws import session
from remote.errors import Denied, RemoteError, Throttled
from runs import clock, draining
from runs.actions import KeyReused, LockHeld
from runs.engine import tick
from runs.leases import NEGLECT, claim
from runs.models import Effect, Run, Step
from runs.work import LONGEST_PAUSE
from tests import box, scenery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that are asked say what their row says; who was asked is noted."""
    found: list[str] = []

    def ask(target: object) -> None:
        found.append(str(target))
        Host.objects.update(maintenance_seen=timezone.now())

    monkeypatch.setattr(guard, "observe_maintenance", ask)
    monkeypatch.setattr(reopening, "observe_maintenance", ask)
    return found


def flag(*names: str) -> None:
    Host.objects.filter(name__in=names).update(maintenance="on", maintenance_seen=timezone.now())


def closed(seconds: int, state: str = "closed", *, until: datetime | None = None) -> None:
    ShopAnswer.objects.all().delete()
    end = until or timezone.now()
    scenery.shop("open", end - timedelta(seconds=seconds + 60), 60)
    scenery.shop(state, end - timedelta(seconds=seconds), seconds)


def check() -> list[Alert]:
    guard.check_target(scenery.target(), timezone.now())
    return list(Alert.objects.filter(ended=None))


# -- what it finds


def test_nothing_is_wrong(asked: list[str]) -> None:
    scenery.observed()
    assert check() == []
    assert asked == []


def test_a_flag_that_nobody_put_there(asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2", "fe-3")
    (alert,) = check()
    assert alert.title == "Magento production: fe-2, fe-3 are in maintenance mode: visitors get 503 there"
    assert (alert.kind, alert.hosts, alert.run) == ("flag", ["fe-2", "fe-3"], None)
    flag("fe-4")
    (same,) = check()
    assert (same.pk, same.hosts) == (alert.pk, ["fe-2", "fe-3", "fe-4"])
    Host.objects.update(maintenance="off")
    assert check() == []
    assert Alert.objects.get().ended


@pytest.mark.parametrize(("state", "words"), [("closed", "visitors get 503"), ("broken", "visitors get an error")])
def test_a_shop_that_is_closed_for_half_a_minute(asked: list[str], state: str, words: str) -> None:
    scenery.observed()
    closed(29, state)
    assert check() == []
    closed(31, state)
    (alert,) = check()
    assert words in alert.title
    assert timedelta(seconds=30) < timezone.now() - alert.since < timedelta(seconds=35)
    scenery.shop("open", timezone.now(), 1)
    assert [each for each in check() if each.kind == "shop"] == []


def test_that_maintenance_mode_closes_the_shop_is_said_once(asked: list[str]) -> None:
    scenery.observed()
    closed(60)
    flag("fe-1", "fe-2", "fe-3")
    assert {alert.kind for alert in check()} == {"flag", "shop"}, "fe-4 is in none, and visitors get 503 all the same"
    flag("fe-4")
    assert [alert.kind for alert in check()] == ["flag"]
    closed(60, "broken")
    assert {alert.kind for alert in check()} == {"flag", "shop"}, "that is something else"


def test_that_a_curtain_closes_the_shop_is_said_once(asked: list[str]) -> None:
    scenery.observed()
    closed(60)
    assert [alert.kind for alert in check()] == ["shop"]
    target, now = scenery.target(), timezone.now()
    sweeper.tell(target, [Drawn(run=0, since=now, listener="arn")], now)
    assert [alert.kind for alert in check()] == ["curtain"]
    closed(60, "broken")  # an error is not the curtain's answer
    assert {alert.kind for alert in check()} == {"curtain", "shop"}
    sweeper.tell(target, [], now)
    closed(60)
    assert [alert.kind for alert in check()] == ["shop"]


@pytest.mark.parametrize(("error", "shops"), [(Throttled("Rate exceeded", "Wait."), 1), (Denied("no", "Ask."), 2)])
def test_where_aws_throttles_one_shop_asks_for_all(monkeypatch: pytest.MonkeyPatch, error: RemoteError, shops: int) -> None:
    asked: list[tuple[str, bool]] = []

    def ask(target: Target) -> None:
        asked.append((target.environment.key, session._once.get()))
        raise error

    monkeypatch.setattr("deployments.strategies.sweeper.curtain.place_of", ask)
    sweeper.check()
    assert len(asked) == shops
    sweeper.check()
    assert {name for name, _ in asked} == {"production", "pre-production"}, "nobody waits behind the other for ever"
    assert all(once for _, once in asked)


def test_where_nobody_answers_nothing_is_said(asked: list[str]) -> None:
    scenery.observed()
    closed(60, until=timezone.now() - timedelta(seconds=15))
    assert check() == []
    closed(60, "silent")
    assert check() == []


def test_a_run_at_work_is_excused_and_one_that_only_looked_is_not(asked: list[str], releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    assert claim(run.number)
    closed(60)
    flag("fe-2")
    step = run.steps.get(key="preflight")
    look = Effect.objects.create(run=run, step=step, act="gates", key="gates", kind="release.gates", state=Effect.State.DONE, epoch=1)
    assert {alert.kind for alert in check()} == {"flag", "shop"}
    Effect.objects.filter(pk=look.pk).update(kind="magento.maintenance")
    assert check() == []
    Run.objects.update(state=Run.State.UNKNOWN)
    assert {alert.run for alert in check()} == {run}


def closed_by_a_run(releaser: Operator) -> Run:
    """All hosts are in maintenance mode, switched on by a release that goes on; a worker has it."""
    run = scenery.rolling(releaser)
    step = run.steps.get(key="maintenance-on")
    Effect.objects.create(run=run, step=step, act="on:fe-1", key="on:fe-1", kind="magento.maintenance", state=Effect.State.DONE, epoch=1)
    flag("fe-1", "fe-2", "fe-3", "fe-4")
    return run


def test_between_two_ticks_a_run_is_excused_and_later_it_is_not(asked: list[str], releaser: Operator) -> None:
    """Its workers hand it over and die; the scheduler lives and rings, again and again."""
    run = closed_by_a_run(releaser)
    lease = claim(run.number)
    assert lease is not None
    assert check() == []
    lease.release(wake_in=LONGEST_PAUSE)
    assert check() == []
    given_back = Run.objects.get(pk=run.pk).lease_until
    for seconds, alarms in ((LONGEST_PAUSE + 15, 0), (NEGLECT - 1, 0), (NEGLECT + 1, 1), (3600, 1)):
        Run.objects.update(lease_until=given_back - seconds, wake_at=clock.now() + 10)
        assert len(check()) == alarms, seconds
    (alert,) = check()
    assert alert.run == run
    assert f"Run {run.number} is running and is not at work. No worker has taken it up" in alert.said
    assert claim(run.number)
    assert check() == []


def test_a_run_that_waits_for_its_turn_is_excused_for_two_ticks_of_others(asked: list[str], releaser: Operator, settings: Settings) -> None:
    """One worker, two runs: each waits while the other one is worked on."""
    run = closed_by_a_run(releaser)
    other = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING, holds_lock=False)
    Run.objects.filter(pk=other.pk).update(environment="pre-production")
    Run.objects.filter(pk=run.pk).update(epoch=1, lease_until=clock.now() - settings.TICK_SECONDS - NEGLECT)
    assert len(check()) == 1, "nobody works on anything"
    assert claim(other.number)
    assert check() == []
    Run.objects.filter(pk=run.pk).update(lease_until=clock.now() - 2 * settings.TICK_SECONDS - NEGLECT - 1)
    assert len(check()) == 1


def test_what_older_code_gave_back_is_excused_until_somebody_takes_it(asked: list[str], releaser: Operator) -> None:
    closed_by_a_run(releaser)
    Run.objects.update(epoch=1, lease_until=0, wake_at=clock.now() - NEGLECT + 5)
    assert check() == []
    Run.objects.update(wake_at=clock.now() - NEGLECT - 1)
    assert len(check()) == 1


def test_a_worker_that_died_excuses_for_as_long_as_a_takeover_may_take(asked: list[str], releaser: Operator, settings: Settings) -> None:
    run = closed_by_a_run(releaser)
    assert claim(run.number)
    died = clock.now() - 55  # with the guard's own five seconds: a minute
    Run.objects.update(lease_until=died + settings.LEASE_SECONDS)
    (alert,) = check()
    assert alert.run == run
    Run.objects.update(lease_until=died + settings.LEASE_SECONDS + 10)
    assert check() == []
    Run.objects.update(lease_until=clock.now() + 1_000_000)  # given before the machine last booted
    assert len(check()) == 1
    settings.LEASE_SECONDS = 2 * NEGLECT
    Run.objects.update(lease_until=clock.now() + 1)
    assert check() == [], "a lease that is held is one, however long it is"


@pytest.mark.parametrize("everything", [True, False])
def test_a_run_that_a_drain_keeps_back_opens_no_shop(asked: list[str], releaser: Operator, admin: Operator, everything: bool) -> None:
    run = closed_by_a_run(releaser)
    lease = claim(run.number)
    assert lease is not None
    draining.drain("a look at the database", everything=everything, by=admin)
    lease.release(wake_in=1)
    assert check() == [], "it may be lifted at once"
    Run.objects.update(lease_until=clock.now() - NEGLECT - 1)
    if not everything:
        assert claim(run.number), "what is under way goes on to its end"
        assert check() == []
        return
    assert claim(run.number) is None
    (alert,) = check()
    assert alert.run == run
    assert f"Run {run.number} is running and is not at work. The console is drained: it goes on when that is lifted" in alert.said
    draining.lift(by=admin)
    assert claim(run.number)
    assert check() == []


def test_a_curtain_is_excused_by_a_run_at_work_alone(asked: list[str], releaser: Operator) -> None:
    run = closed_by_a_run(releaser)
    target, now = scenery.target(), timezone.now()
    drawn = [Drawn(run=run.number, since=now, listener="arn")]
    lease = claim(run.number)
    assert lease is not None
    lease.release(wake_in=LONGEST_PAUSE)
    sweeper.tell(target, drawn, now)
    assert not Alert.objects.filter(ended=None).exists()
    Run.objects.update(lease_until=clock.now() - NEGLECT - 1)
    sweeper.tell(target, drawn, now)
    alert = Alert.objects.get(ended=None)
    assert (alert.kind, alert.run) == (Alert.Kind.CURTAIN, run)
    assert "drew it and is running. No worker has taken it up" in alert.said
    with pytest.raises(LockHeld):  # it may go on, and nobody opens the shop under it
        reopening.take_out(target, idempotency_key="one", reason="because", accepted=True, by=releaser)
    assert claim(run.number)
    sweeper.tell(target, drawn, now)
    assert not Alert.objects.filter(ended=None).exists()


def test_when_a_run_has_ended_the_hosts_are_asked_at_once(asked: list[str], releaser: Operator) -> None:
    run = scenery.failed(releaser)
    flag("fe-1")
    assert run.ended is not None
    Host.objects.update(maintenance_seen=run.ended - timedelta(seconds=5))
    (alert,) = check()
    assert len(asked) == 1
    assert (alert.run, alert.hosts) == (run, ["fe-1"])
    assert f"Run {run.number} ended as failed and left it so" in alert.said
    assert check() == [alert]
    assert len(asked) == 1


def test_what_was_said_before_the_end_of_a_good_run_raises_nothing(
    asked: list[str], releaser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scenery.failed(releaser)
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED)
    flag("fe-1")
    assert run.ended is not None
    Host.objects.update(maintenance_seen=run.ended - timedelta(seconds=5))
    monkeypatch.setattr(guard, "observe_maintenance", lambda target: asked.append("in vain"))
    assert check() == []
    Run.objects.filter(pk=run.pk).update(ended=timezone.now() - timedelta(seconds=31))
    Host.objects.update(maintenance_seen=timezone.now() - timedelta(seconds=40))
    (alert,) = check()
    assert "fe-1 cannot be asked any more" in alert.said


def test_it_costs_few_queries(asked: list[str], releaser: Operator, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    scenery.failed(releaser)
    flag("fe-1")
    closed(60)
    check()
    with django_assert_max_num_queries(16):
        check()


# -- the banner


def test_every_page_of_the_environment_says_so(client: Client, releaser: Operator, asked: list[str]) -> None:
    run = scenery.failed(releaser)
    flag("fe-2")
    check()
    client.force_login(releaser)
    for path in (
        "/",
        "/services/",
        "/services/magento/production/",
        "/runs/",
        f"/runs/{run.number}/",
        f"/plans/{run.plan_id}/",
        "/alerts/",
    ):
        said = client.get(path).content.decode()
        assert "fe-2 is in maintenance mode" in said, path
        assert "Take fe-2 out of it" in said, path
        assert f"Open run {run.number}" in said, path
    assert "fe-2 is in maintenance mode" not in client.get("/services/magento/pre-production/").content.decode()
    assert "fe-2 is in maintenance mode" in client.get("/alerts/?environment=production").content.decode()
    assert "fe-2 is in maintenance mode" not in client.get("/alerts/?environment=pre-production").content.decode()
    Host.objects.update(maintenance="off")
    check()
    assert "maintenance mode:" not in client.get("/alerts/").content.decode()


def test_who_sees_alerts(client: Client, stranger: Operator, viewer: Operator) -> None:
    assert client.get("/alerts/").status_code == 302
    client.force_login(stranger)
    assert client.get("/alerts/").status_code == 403
    client.force_login(viewer)
    assert client.post("/alerts/").status_code == 405
    assert client.get("/alerts/?environment=nowhere").status_code == 200


# -- the safe exit

PATH = "/services/magento/production/reopen/"


def test_the_plan_is_one_step_on_the_hosts_with_the_flag(asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2", "fe-4")
    plan = reopening.plan(scenery.target(), reopening.way_out(scenery.target()))
    (step,) = plan.steps
    assert [(act.kind, act.target, act.params["on"]) for act in step.acts] == [
        ("magento.maintenance", "fe-2", False),
        ("magento.maintenance", "fe-4", False),
    ]
    assert {act.argv[-1] for act in step.acts} == {"maintenance:disable"}


def test_one_button(client: Client, releaser: Operator, asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2")
    client.force_login(releaser)
    assert client.get(PATH).status_code == 200
    assert not Run.objects.exists()
    answer = client.post(PATH)
    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/runs/{run.number}/")
    assert (run.kind, run.lock_group, run.requested_by) == ("operation", "magento-production", releaser)
    again = client.post(PATH)
    assert again.status_code == 409
    assert f"Open run {run.number}" in again.content.decode()


def test_the_same_press_is_one_run(client: Client, releaser: Operator, asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2")
    client.force_login(releaser)
    for _ in range(2):
        assert client.post(PATH, {"idempotency_key": "the-same-press"}).status_code == 302
    assert Run.objects.count() == 1


def test_a_key_that_is_none_takes_nothing_out(client: Client, releaser: Operator, asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2")
    client.force_login(releaser)
    answer = client.post(PATH, {"idempotency_key": "press-1"})
    assert answer.status_code == 422
    assert "is no Idempotency-Key" in answer.content.decode()
    assert not Run.objects.exists()


def test_mixed_versions_ask_for_a_reason(client: Client, releaser: Operator, asked: list[str]) -> None:
    scenery.observed()
    flag("fe-2")
    Host.objects.filter(name="fe-2").update(version=scenery.NEW)
    client.force_login(releaser)
    for posted in ({}, {"accept": "yes"}, {"reason": "we know"}, {"accept": "yes", "reason": " "}):
        answer = client.post(PATH, posted)
        assert answer.status_code == 409
        said = answer.content.decode()
        assert f"Hosts have different versions ({scenery.OLD} on be, fe-1, fe-3, fe-4; {scenery.NEW} on fe-2)" in said
    assert not Run.objects.exists()
    assert client.post(PATH, {"accept": "yes", "reason": "fe-2 was mended by hand"}).status_code == 302
    assert Run.objects.get().reason == "fe-2 was mended by hand"


def test_after_a_migration_may_have_run_it_asks_for_a_reason_and_takes_the_lock_over(releaser: Operator, asked: list[str]) -> None:
    failed = scenery.failed(releaser)
    Host.objects.update(version=scenery.OLD)
    flag("fe-3")
    target = scenery.target()
    with pytest.raises(reopening.Risky, match="the database may be migrated for r418-a91c3e7"):
        reopening.take_out(target, idempotency_key="one", by=releaser)
    failed.refresh_from_db()
    assert failed.holds_lock
    run = reopening.take_out(target, idempotency_key="two", reason="r418 changes no table", accepted=True, by=releaser)
    failed.refresh_from_db()
    assert (run.takes_over, failed.holds_lock) == (failed, False)


def test_a_release_that_changed_nothing_is_no_risk(releaser: Operator, asked: list[str]) -> None:
    failed = scenery.failed(releaser)
    Host.objects.update(version=scenery.OLD)
    Effect.objects.filter(run=failed).delete()
    flag("fe-3")
    assert reopening.way_out(scenery.target()).risks == ()
    assert reopening.take_out(scenery.target(), idempotency_key="one", by=releaser).takes_over == failed


def test_a_run_that_waits_for_a_person_comes_first(releaser: Operator, asked: list[str]) -> None:
    scenery.failed(releaser)
    Run.objects.update(state=Run.State.UNKNOWN, ended=None)
    flag("fe-3")
    with pytest.raises(LockHeld):
        reopening.take_out(scenery.target(), idempotency_key="one", reason="because", accepted=True, by=releaser)


def test_there_is_nothing_to_take_out(client: Client, releaser: Operator, asked: list[str]) -> None:
    scenery.observed()
    client.force_login(releaser)
    assert "No host says" in client.get(PATH).content.decode()
    assert client.post(PATH).status_code == 409
    assert not Run.objects.exists()


def test_others_take_nothing_out(
    client: Client, viewer: Operator, operator: Operator, stranger: Operator, releaser: Operator, asked: list[str]
) -> None:
    scenery.observed()
    flag("fe-2")
    assert client.post(PATH).status_code == 302
    for person in (viewer, operator):
        client.force_login(person)
        assert client.post(PATH).status_code == 403
        assert "one has to be a releaser" in client.get(PATH).content.decode()
        with pytest.raises(Forbidden):
            reopening.take_out(scenery.target(), idempotency_key="one", by=person)
    client.force_login(stranger)
    assert client.post(PATH).status_code == 403
    assert not Run.objects.exists()
    client.force_login(releaser)
    assert client.put(PATH).status_code == 405
    assert client.get("/services/none/production/reopen/").status_code == 404


# -- the whole, over the wires


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.SSH_CONFIG, settings.SSH_BROKER = sandbox["ssh_config"], ""
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    caches = (doors.door, doors.runner, maintenance._runner)
    for cache in caches:
        cache.cache_clear()
    found = box.Control(sandbox)
    yield found
    found.close()
    doors.door().close()
    for cache in caches:
        cache.cache_clear()


def test_a_flag_left_behind_is_found_and_taken_away(control: box.Control, releaser: Operator) -> None:
    target = scenery.target()
    observe.watch()
    for host in Host.objects.filter(service=target.service, environment=target.environment.key):
        doors.runner().install(str(host.private_ip))
    control.act("flag-left-behind", host="fe-3")
    maintenance.watch()
    (alert,) = check()
    assert alert.hosts == ["fe-3"]
    run = reopening.take_out(target, idempotency_key="one", by=releaser)
    while tick(run.number):
        run.refresh_from_db()
    assert (run.state, run.holds_lock) == (Run.State.SUCCEEDED, False), run.said
    assert "seen on the host" in Step.objects.get(run=run).said
    Watched.objects.update(tried=None)  # hosts are asked once a second at most
    assert check() == []
    assert Host.objects.get(name="fe-3").maintenance == "off"


def test_a_key_of_something_else_takes_nothing_out(releaser: Operator, asked: list[str]) -> None:
    release = scenery.run(scenery.plan(releaser), releaser, state=Run.State.SUCCEEDED, holds_lock=False)
    scenery.observed()
    flag("fe-2")
    with pytest.raises(KeyReused, match=f"started run {release.number}"):
        reopening.take_out(scenery.target(), idempotency_key=release.idempotency_key, by=releaser)
    assert Run.objects.count() == 1
    run = reopening.take_out(scenery.target(), idempotency_key="press-2", by=releaser)
    assert reopening.take_out(scenery.target(), idempotency_key="press-2", by=releaser) == run
