"""One poller for all viewers: claims, pace, what errors leave behind; and the whole of it against the played estate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate import maintenance, observe, sightings
from estate.models import BeanstalkEnvironment, BeanstalkEvent, Host, TargetGroup, Watched
from estate.reading import current
from estate.sightings import News, Subject
from remote.aws import balancer, beanstalk, compute, session
from remote.errors import Denied, RemoteError, Throttled, Unreachable

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
FRONT, BACK = "client-magento-prod", "client-magento-prod-bo"
NAMES = [BACK, FRONT]
BEANSTALK = ("events", "environments", "health", "causes")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    rung: list[dict[str, Any]] = []
    monkeypatch.setattr(observe, "publish", lambda _, frame: rung.append(frame))
    return rung


@pytest.fixture
def activity() -> Iterator[set[str]]:
    """The environments in which something is under way with Magento."""
    active: set[str] = set()
    observe.register_activity(lambda target: target.service == "magento" and target.environment.key in active)
    yield active
    observe._activities.pop()


class Asked:
    """A subject that counts how often it is asked."""

    def __init__(self, *, every: float = 10, answers: Any = "an answer") -> None:
        self.count = 0
        self.answers = answers
        self.subject = Subject("thing", every, self._ask, lambda found: News(changed=found == "news"), is_brief=True)

    def _ask(self) -> Any:
        self.count += 1
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


def ages(seconds: float, **changes: Any) -> None:
    Watched.objects.filter(name="thing").update(tried=timezone.now() - timedelta(seconds=seconds), **changes)


@pytest.mark.django_db
def test_whoever_comes_first_asks_and_the_next_reads() -> None:
    thing = Asked()
    observe.look([thing.subject])
    observe.look([thing.subject])
    assert thing.count == 1
    ages(9)
    observe.look([thing.subject])
    assert thing.count == 1
    ages(11)
    observe.look([thing.subject])
    assert thing.count == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_asks() -> None:
    thing = Asked()
    observe.look([thing.subject])
    ages(11)

    def viewer(_: int) -> None:
        try:
            observe.look([thing.subject])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as viewers:
        list(viewers.map(viewer, range(24)))
    assert thing.count == 2


@pytest.mark.django_db
def test_a_clock_that_was_set_back_stops_nothing() -> None:
    thing = Asked()
    observe.look([thing.subject])
    ages(-3600)
    observe.look([thing.subject])
    assert thing.count == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "longest"), [(Throttled("Rate exceeded", "Wait."), 60), (Unreachable("no connection", "Look."), 10)])
def test_an_error_is_noted_and_backs_off_longer_each_time(error: Exception, longest: float) -> None:
    thing = Asked(every=1, answers=error)
    waits = []
    for _ in range(8):
        ages(100, not_before=None)
        observe.look([thing.subject])
        row = Watched.objects.get(name="thing")
        assert row.not_before
        waits.append((row.not_before - timezone.now()).total_seconds())
    assert [round(wait) for wait in waits] == sorted(round(wait) for wait in waits)
    assert waits[0] == pytest.approx(2, abs=0.5)
    assert waits[-1] == pytest.approx(longest, abs=0.5)
    assert row.error == error.told  # type: ignore[attr-defined]
    ages(100)
    observe.look([thing.subject])
    assert thing.count == 8  # it waits now, however old the answer is


@pytest.mark.django_db
def test_an_answer_ends_the_error(quiet: list[dict[str, Any]]) -> None:
    thing = Asked(answers=Unreachable("no connection", "Look."))
    observe.look([thing.subject])
    ages(100, not_before=None)
    observe.look([thing.subject])
    thing.answers = "an answer"
    ages(100, not_before=None)
    assert observe.look([thing.subject])
    row = Watched.objects.get(name="thing")
    assert (row.error, row.failures, row.not_before) == ("", 0, None)
    assert len(quiet) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "told", "again"), [(Throttled("Rate exceeded", "Wait."), "", 2), (Denied("no", "Ask."), "no. Ask.", 1)])
def test_a_first_stumble_is_asked_once_more_at_once_and_a_refusal_is_told(error: RemoteError, told: str, again: int) -> None:
    thing = Asked(every=1200, answers=error)
    observe.look([thing.subject])
    assert Watched.objects.get(name="thing").error == told
    ages(1)  # the pause is two seconds
    observe.look([thing.subject])
    assert thing.count == 1
    ages(3, not_before=timezone.now() - timedelta(seconds=1))
    observe.look([thing.subject])
    assert thing.count == again
    assert Watched.objects.get(name="thing").error == error.told
    ages(100, not_before=timezone.now() - timedelta(seconds=1))
    observe.look([thing.subject])
    assert thing.count == again  # twice in a row is no stumble


@pytest.mark.django_db
def test_a_pause_that_the_clock_has_made_long_is_none() -> None:
    thing = Asked(answers=Throttled("Rate exceeded", "Wait."))
    observe.look([thing.subject])
    ages(100, not_before=timezone.now() + timedelta(minutes=10))
    observe.look([thing.subject])
    assert thing.count == 2


@pytest.mark.django_db
def test_only_news_ring(quiet: list[dict[str, Any]]) -> None:
    thing = Asked(every=0)
    assert not observe.look([thing.subject])
    assert quiet == []
    thing.answers = "news"
    assert observe.look([thing.subject])
    assert quiet == [{"kind": "now", "changed": ["thing"]}]


# -- The pace


def paced(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Counter[str]:
    """How often each kind of call is made when the estate is watched four times a second, by a clock of our own."""
    calls: Counter[str] = Counter()
    clock = [NOW]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])

    def called(subject: Subject, *, once: bool) -> Any:
        calls[subject.name.partition(":")[0]] += 1
        return []

    monkeypatch.setattr(observe, "_ask", called)
    monkeypatch.setattr(observe, "_keep", lambda subject, answer: False)
    while clock[0] < NOW + timedelta(seconds=seconds):
        observe.watch()
        observe.refresh(current().target("magento", "production"), max_age=2)
        clock[0] += timedelta(seconds=0.25)
    return calls


@pytest.mark.django_db
def test_beanstalk_is_asked_less_than_twice_a_second_however_many_ask(monkeypatch: pytest.MonkeyPatch, activity: set[str]) -> None:
    activity.add("production")
    calls = paced(monkeypatch, 60)
    assert 55 <= calls["events"] <= 61
    assert 13 <= calls["environments"] <= 16
    assert 2 * 13 <= calls["health"] <= 2 * 16 + 5 * 2  # two tiers every four seconds; five rest
    assert calls["causes"] >= 7
    assert calls["targets"] + calls["hosts"] >= 10  # other services, with limits of their own
    assert sum(calls[name] for name in BEANSTALK) <= 2 * 60 + 7 * 2  # each subject's first call comes at once


@pytest.mark.django_db
def test_two_releases_at_once_share_the_two_calls_a_second(monkeypatch: pytest.MonkeyPatch, activity: set[str]) -> None:
    activity.update({"production", "pre-production"})
    calls = paced(monkeypatch, 60)
    assert calls["events"] >= 55
    assert calls["environments"] >= 8
    assert calls["health"] >= 4 * 8
    assert sum(calls[name] for name in BEANSTALK) <= 2 * 60 + 7 * 2


@pytest.mark.django_db
def test_a_quiet_estate_is_asked_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "refresh", lambda *_, **__: None)
    calls = paced(monkeypatch, 60)
    assert 5 <= calls["events"] <= 7
    assert 5 <= calls["environments"] <= 7


@pytest.mark.django_db
def test_activity_on_one_environment_is_activity_of_its_application(activity: set[str], settings: Settings) -> None:
    assert not observe.is_active(current().target("magento", "production"))
    activity.add("production")
    assert observe.is_active(current().target("magento", "production"))
    assert not observe.is_active(current().target("magento", "pre-production"))


# -- What is kept


def event(seconds: float, message: str, environment: str = FRONT) -> beanstalk.Event:
    return beanstalk.Event(NOW + timedelta(seconds=seconds), "INFO", message, environment, "r418-a91c3e7", "")


@pytest.mark.django_db
def test_an_event_that_comes_again_is_stored_once() -> None:
    assert sightings._keep_events(NAMES, [event(0, "a"), event(1, "b")]).changed
    assert not sightings._keep_events(NAMES, [event(1, "b")]).changed
    assert sightings._keep_events(NAMES, [event(1, "b"), event(1, "c"), event(1, "b", BACK), event(2, "d", "a-stranger")]).changed
    assert list(BeanstalkEvent.objects.values_list("message", flat=True)) == ["a", "b", "c", "b"]


def environment(name: str, **changes: Any) -> beanstalk.Environment:
    said = beanstalk.Environment("e-1", name, "client-magento", "r417-0000000", "Ready", "Green", "Ok", False, NOW, "", "PHP 7.3")
    return replace(said, **changes)


@pytest.mark.django_db
def test_an_environment_that_is_missing_is_said_and_keeps_its_row() -> None:
    sightings._keep_environments(NAMES, NOW, [environment(FRONT), environment(BACK)])
    news = sightings._keep_environments(NAMES, NOW, [environment(FRONT, status="Updating")])
    assert news.changed
    assert news.wrong.startswith(f"Beanstalk has no environment named {BACK}.")
    assert BeanstalkEnvironment.objects.get(pk=FRONT).status == "Updating"
    assert BeanstalkEnvironment.objects.get(pk=BACK).status == "Ready"


@pytest.mark.django_db
def test_what_is_seen_was_seen_when_it_was_asked_however_late_its_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is due is asked side by side, and kept when the last has answered: a request may have been made in between."""
    monkeypatch.setattr(beanstalk, "environments", lambda application, *, patience: [environment(FRONT), environment(BACK)])
    answered: list[datetime] = []

    def slow() -> str:
        Event().wait(0.3)
        answered.append(timezone.now())
        return ""

    target = current().target("magento", "production")
    [environments] = [each for each in observe.subjects(target, observe._close(target)) if each.name.startswith("environments:")]
    observe.look([environments, Subject("slow", 1, slow, lambda found: News(changed=False))])
    assert BeanstalkEnvironment.objects.get(pk=FRONT).seen < answered[0] - timedelta(seconds=0.2)


def instance(number: int, **changes: Any) -> compute.Instance:
    tags = {"elasticbeanstalk:environment-name": FRONT}
    said = compute.Instance(f"i-0000000{number}", f"fe-{number}", f"10.0.0.{number}", "eu-west-3a", "running", "t3", NOW, "ami", tags)
    return replace(said, **changes)


def keep_hosts(*found: compute.Instance) -> News:
    target = current().target("magento", "production")
    return sightings._keep_hosts({tier.beanstalk: (target, tier.key) for tier in target.tiers}, NOW, found)


@pytest.mark.django_db
def test_hosts_appear_and_disappear_and_come_back() -> None:
    assert keep_hosts(instance(1), instance(2)).changed
    assert not keep_hosts(instance(1), instance(2)).changed
    assert keep_hosts(instance(1), instance(2, state="terminated"), instance(3)).changed
    assert set(Host.objects.filter(gone=None).values_list("name", flat=True)) == {"fe-1", "fe-3"}
    assert Host.objects.get(name="fe-2").gone
    keep_hosts(instance(1), instance(2), instance(3))
    assert Host.objects.get(name="fe-2").gone is None


@pytest.mark.django_db
def test_hosts_that_all_carry_their_environments_name_are_told_apart() -> None:
    keep_hosts(instance(1, name=FRONT), instance(2, name=FRONT), instance(3, name=""))
    assert sorted(Host.objects.values_list("name", flat=True)) == [f"{FRONT}-00001", f"{FRONT}-00002", f"{FRONT}-00003"]


@pytest.mark.django_db
def test_beanstalks_word_and_the_target_groups_are_two_lights() -> None:
    keep_hosts(instance(1), instance(2))
    said = beanstalk.InstanceHealth("i-00000001", "Severe", "Red", ("no data",), "r418-a91c3e7", 7, "Failed", None, None, "a", ())
    assert sightings._keep_health(FRONT, NOW, [said]).changed
    target = balancer.Target("i-00000001", 80, "draining", "Target.DeregistrationInProgress", "")
    assert sightings._keep_targets(FRONT, NOW, [target, replace(target, state="healthy", reason="")]).changed
    one, two = Host.objects.order_by("pk")
    assert (one.health_status, one.causes, one.version, one.deployment_status) == ("Severe", ["no data"], "r418-a91c3e7", "Failed")
    assert (one.target_state, two.target_state, two.target_reason) == ("draining", "unused", "Target.NotRegistered")


@pytest.mark.django_db
def test_a_target_group_belongs_to_whose_hosts_it_has_and_keeps_doing_so_when_they_leave() -> None:
    keep_hosts(instance(1))
    group = balancer.TargetGroup("arn:1", "front", 80, "HTTP", "/", "200", ())
    sightings._keep_groups(NAMES, NOW, [(group, [balancer.Target("i-00000001", 80, "healthy", "", "")])])
    sightings._keep_groups(NAMES, NOW, [(group, []), (replace(group, arn="arn:2"), [balancer.Target("i-0000000f", 80, "healthy", "", "")])])
    assert list(TargetGroup.objects.values_list("arn", "beanstalk")) == [("arn:1", FRONT)]


@pytest.mark.django_db
def test_a_target_group_that_the_account_has_no_more_is_forgotten() -> None:
    keep_hosts(instance(1))
    group, target = balancer.TargetGroup("arn:1", "front", 80, "HTTP", "/", "200", ()), balancer.Target("i-00000001", 80, "healthy", "", "")
    sightings._keep_groups(NAMES, NOW, [(group, [target])])
    assert sightings._keep_groups(NAMES, NOW, [(replace(group, arn="arn:3"), [target])]).changed
    assert [row.arn for row in TargetGroup.objects.all()] == ["arn:3"]


# -- The whole, over the wires


@pytest.mark.django_db(transaction=True)
def test_the_played_estate_is_seen_as_it_is(sandbox: dict[str, str]) -> None:
    target = current().target("magento", "production")
    observe.watch()
    for host in Host.objects.filter(service="magento", environment="production"):
        maintenance._runner().install(str(host.private_ip))
    maintenance.observe_maintenance(target)
    Watched.objects.update(tried=None)
    observe.refresh(target, max_age=2)
    hosts = {host.name: host for host in Host.objects.filter(service="magento", environment="production")}
    assert set(hosts) == {"fe-1", "fe-2", "fe-3", "fe-4", "be"}
    assert hosts["fe-2"].instance_id == "i-012e92fb498ad40d7"
    assert {host.tier for name, host in hosts.items() if name.startswith("fe")} == {"front"}
    assert {host.target_state for host in hosts.values()} == {"healthy"}
    assert {host.health_status for host in hosts.values()} == {"Ok"}
    assert {host.maintenance for host in hosts.values()} == {"off"}
    assert {host.version for host in hosts.values()} == {BeanstalkEnvironment.objects.get(pk=FRONT).version}
    assert BeanstalkEvent.objects.filter(environment=FRONT).exists()
    assert not [row.error for row in observe.watched(target) if row.error]


@pytest.mark.django_db(transaction=True)
def test_what_is_known_outlives_the_answer_that_does_not_come(sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    target = current().target("magento", "production")
    observe.watch()
    known = BeanstalkEnvironment.objects.get(pk=FRONT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for _ in range(2):  # the first stumble is not worth a word
        Watched.objects.update(tried=None, not_before=None)
        observe.refresh(target, max_age=2)
    assert BeanstalkEnvironment.objects.get(pk=FRONT) == known
    assert BeanstalkEnvironment.objects.get(pk=FRONT).seen == known.seen
    row = Watched.objects.get(name="environments:client-magento")
    assert "no connection" in row.error
    assert row.answered


@pytest.mark.django_db
@pytest.mark.parametrize("every", [1, 40])
def test_where_aws_throttles_one_asks_again_for_all_that_are_asked_the_same(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    clock = [NOW]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    throttled = Throttled("Rate exceeded", "Wait.")
    things = {name: Asked(every=every, answers=throttled) for name in ("health:a", "health:b", "health:c", "causes:a", "inventory:a")}
    subjects = [replace(thing.subject, name=name) for name, thing in things.items()]

    def row(name: str) -> Watched:
        return Watched.objects.get(name=name)

    def pass_by(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    def counts() -> list[int]:
        return [things[name].count for name in ("health:a", "health:b", "health:c")]

    observe.look(subjects)
    assert 1 <= sum(counts()) <= 3, "what was refused to one while the others had not begun is not asked for them"
    assert row("health:b").not_before == row("health:a").not_before
    for _ in range(400):
        pass_by(0.3)
        observe.look(subjects)
    assert sum(counts()) <= 10, "two minutes, one of the three, at 2, 4, 8, 16, 32 and 60 seconds"
    assert things["causes:a"].count + things["inventory:a"].count == (12 if every == 1 else 8), (
        "who is asked something else has pauses of its own"
    )
    for thing in things.values():
        thing.answers = "an answer"
    pass_by(61)
    before = sum(counts())
    observe.look(subjects)
    observe.look(subjects)
    assert sum(counts()) - before == 3, "the first answer is everybody's turn"


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "asked"), [(Throttled("Rate exceeded", "Wait."), 1), (Unreachable("no connection", "Look."), 5)])
def test_what_aws_refuses_to_one_it_refuses_to_the_others_and_nobody_is_left_out(error: RemoteError, asked: int) -> None:
    things = [Asked(every=1, answers=error) for _ in range(5)]
    subjects = [replace(thing.subject, name=f"health:{number}") for number, thing in enumerate(things)]
    observe.look(subjects)
    for _ in range(3):
        Watched.objects.update(tried=timezone.now() - timedelta(seconds=5), not_before=None)
        observe.look(subjects)
    assert sum(thing.count for thing in things) == 5 + 3 * asked
    assert {(row.failures, row.error) for row in Watched.objects.all()} == {(4, error.told)}


@pytest.mark.django_db
def test_what_nobody_asks_any_more_is_not_said_to_be_silent() -> None:
    Watched.objects.create(name="health:removed", answered=timezone.now())
    thing = Asked(every=0, answers=Throttled("Rate exceeded", "Wait."))
    for _ in range(3):
        observe.look([replace(thing.subject, name="health:a")])
        Watched.objects.update(not_before=None)
    assert Watched.objects.get(name="health:a").error
    row = Watched.objects.get(name="health:removed")
    assert (row.failures, row.error) == (0, "")


@pytest.mark.django_db(transaction=True)
def test_those_that_recover_at_once_do_not_wait_for_each_other() -> None:
    """Each held its own row and wanted the other's. SQLite has one writer at a time: nobody gets that far beside another."""
    if connection.vendor != "postgresql":
        pytest.skip("on PostgreSQL alone")
    things = {name: Asked(every=0, answers=Throttled("Rate exceeded", "Wait.")) for name in ("health:a", "health:b")}
    subjects = [replace(thing.subject, name=name) for name, thing in things.items()]
    observe.look(subjects)
    Watched.objects.update(not_before=None)
    for thing in things.values():
        thing.answers = "an answer"
    both = Barrier(2)

    def keep(found: Any) -> News:
        both.wait(2)
        return News(changed=False)

    def viewer(subject: Subject) -> None:
        try:
            observe.look([replace(subject, keep=keep)])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(viewer, subjects))
    assert {row.failures for row in Watched.objects.all()} == {0}


@pytest.mark.django_db
def test_what_has_stumbled_with_another_takes_its_word() -> None:
    things = {name: Asked(every=1000, answers=Throttled("Rate exceeded", "Wait.")) for name in ("health:a", "health:b", "health:c")}
    subjects = [replace(thing.subject, name=name) for name, thing in things.items()]
    observe.look(subjects)
    Watched.objects.update(tried=timezone.now() - timedelta(seconds=5), not_before=timezone.now() - timedelta(seconds=1))
    observe.look(subjects)
    assert [row.error for row in Watched.objects.all()] == ["Rate exceeded. Wait."] * 3
    Watched.objects.update(not_before=None)
    observe.look(subjects)
    assert things["health:a"].count == 2
    assert max(things["health:b"].count, things["health:c"].count) <= 1


@pytest.mark.django_db
@pytest.mark.parametrize("is_brief", [True, False])
def test_what_is_brief_is_asked_once_and_what_takes_many_calls_three_times_at_first(
    monkeypatch: pytest.MonkeyPatch, is_brief: bool
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "eu-west-3"}.items():
        monkeypatch.setenv(name, value)
    found: list[bool] = []

    def ask() -> str:
        found.append(session._once.get())
        raise Throttled("Rate exceeded", "Wait.")

    thing = Subject("health:a", 1, ask, lambda found: News(changed=False), is_brief)
    observe.look([thing])
    Watched.objects.update(not_before=None, tried=timezone.now() - timedelta(minutes=1))
    observe.look([thing])
    assert found == [is_brief, True]
    assert Watched.objects.get().error == "Rate exceeded. Wait."
    with session.without_retries():
        assert session.client("ec2").meta.config.retries["total_max_attempts"] == 1
    assert session.client("ec2").meta.config.retries["total_max_attempts"] == 3
