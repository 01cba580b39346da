"""The alarms' poller, history, messages and pages, against the sandbox over its wires."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from estate.reading import current
from monitoring.alarms import actions, board, declared, history, plans, poller, sns
from monitoring.alarms.history import Turn
from monitoring.alarms.models import Alarm, Message, Reading, Refusal, Transition, Tunnel
from people.models import Operator
from people.permissions import Forbidden
from remote.aws import alarms, session, topics
from remote.errors import Throttled
from runs.effects import Context, Done, NotDone, kind_of
from runs.models import Plan
from runs.plan import Act
from tests import scenery
from tests.box import Control

CPU, CONNECTIONS, HEALTH = "DB CPU Prod", "awsrds-client-magento-prod-High-DB-Connections", "Prod eb health"
TOPIC = "arn:aws:sns:eu-west-3:123456789012:client-production-alarms"
pytestmark = pytest.mark.django_db


@pytest.fixture
def control(sandbox: dict[str, str]) -> Iterator[Control]:
    """The sandbox with a quiet database and both tunnels up, before and after."""
    page = Control(sandbox)

    def quiet() -> None:
        page.clear()
        for kind in ("cpu", "connections"):
            page.act("database", kind=kind, state="calm")
        for link in ("DLM-Lan", "DLM-Ml", "DLM-Cetsi"):
            page.act("ipsec", link=link, state="up", minutes="20")

    quiet()
    yield page
    quiet()
    page.close()


# -- reading


def test_one_poll_reads_alarms_history_figures_tunnels_and_who_is_told(control: Control) -> None:
    assert poller.poll()
    shown = {row.name: row for row in board.board().rows}
    assert set(shown) == set(current().alarms)
    assert {row.verdict for row in shown.values()} == {("ok", "agrees")}
    assert Alarm.objects.get(pk=CPU).points
    assert len(Tunnel.objects.filter(link="DLM-Ml")) == 2
    assert [each.endpoint for each in board.board().subscriptions if each.confirmed] == ["exploitation@client.url"]
    month = Transition.objects.filter(alarm=CPU, new="ALARM")
    assert month.count() >= 3
    assert month.order_by("at").first().data["newState"]["stateReasonData"]["period"] == 60  # type: ignore[union-attr]


def test_an_outage_is_filled_up_without_gap_or_double(control: Control) -> None:
    poller.poll()
    before = Transition.objects.count()
    Transition.objects.filter(at__gt=timezone.now() - timedelta(days=7)).delete()
    lost = before - Transition.objects.count()
    Reading.objects.update(through=timezone.now() - timedelta(days=7))
    control.act("database", kind="cpu", state="busy")
    poller.poll()
    poller.poll()
    new = Transition.objects.filter(alarm=CPU, at__gt=timezone.now() - timedelta(minutes=5), new="ALARM").count()
    assert lost > 0
    assert new >= 1
    assert Transition.objects.count() >= before + 1
    keys = list(Transition.objects.values_list("alarm", "at", "kind", "summary"))
    assert len(keys) == len(set(keys))
    there = {(item.alarm, item.at, item.kind, item.summary) for item in alarms.history(timezone.now() - timedelta(days=30))}
    assert there == {key for key in keys if key in there}, "everything that CloudWatch remembers is here"


def test_an_outage_longer_than_cloudwatchs_memory_is_said(control: Control) -> None:
    poller.poll()
    long_ago = timezone.now() - timedelta(days=45)
    Reading.objects.update(through=long_ago)
    poller.poll()
    reading = Reading.objects.get()
    assert (reading.lost_from, reading.lost_to is not None) == (long_ago, True)


REFUSALS = [
    ("throttle", {"operation": "DescribeAlarms", "seconds": "0"}, "Rate exceeded"),
    ("access-denied", {"service": "monitoring"}, "not authorized"),
    ("aws-slow", {"service": "monitoring", "seconds": "3"}, "cloudwatch describe-alarms"),
]


@pytest.mark.parametrize("kind, options, words", REFUSALS)
def test_what_cannot_be_read_leaves_what_was_with_its_age(
    control: Control, viewer: Operator, client: Client, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, str], words: str
) -> None:
    poller.poll()
    read = Reading.objects.get().answered
    monkeypatch.setattr(session, "READING", session.Patience(connect=1.0, read=0.3))
    control.fault(kind, times=-1, **options)
    assert not poller.poll()
    control.clear()
    assert Reading.objects.get().answered == read
    assert Alarm.objects.count() == len(current().alarms)
    client.force_login(viewer)
    page = client.get(reverse("alarms:list")).content.decode()
    assert "CloudWatch cannot be read" in page
    assert words in page
    assert page.count("Check the console&#x27;s role") == (1 if kind == "access-denied" else 0)
    assert CPU in page


def test_a_part_that_had_no_answer_is_asked_once_the_next_time(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    assert poller.poll()
    once: list[bool] = []

    def throttled() -> list[Any]:
        once.append(session._once.get())
        raise Throttled("Rate exceeded", "Wait.")

    with monkeypatch.context() as patch:
        patch.setattr("monitoring.alarms.poller.links.links", throttled)
        assert [poller.poll(), poller.poll()] == [False, False]
    assert once == [False, True]
    assert poller.poll()


PARTS = [  # what a role may not call, and what is not known then
    ("answered", "monitoring", "DescribeAlarms"),
    ("through", "monitoring", "DescribeAlarmHistory"),
    ("figures", "monitoring", "GetMetricData"),
    ("tunnels", "ec2", "DescribeVpnConnections"),
    ("mutes", "monitoring", "ListAlarmMuteRules"),
    ("subscriptions", "sns", "ListSubscriptionsByTopic"),
]


@pytest.mark.parametrize("part, service, operation", PARTS)
def test_one_call_that_is_denied_leaves_what_the_others_tell_alive(
    control: Control, viewer: Operator, client: Client, part: str, service: str, operation: str
) -> None:
    before, now = timezone.now() - timedelta(minutes=10), timezone.now()
    client.force_login(viewer)
    assert poller.poll(before)
    assert poller.poll(now)
    assert board.board().unread == frozenset()  # the twin: nothing is denied
    whole = client.get(reverse("alarms:list")).content.decode()
    for words in ("read in part", "cannot be read", "not read", "As it was read", "was OK"):
        assert words not in whole
    Reading.objects.update(**dict.fromkeys([*Reading.PARTS, "asked"], before))

    control.fault("access-denied", times=-1, service=service, operation=operation)
    assert not poller.poll(now)
    assert board.board().unread == {part}
    assert Reading.objects.get().behind == [(Reading.PARTS[part], before)]
    page = client.get(reverse("alarms:list")).content.decode()
    assert ("CloudWatch cannot be read" if part == "answered" else "CloudWatch is read in part") in page
    assert f"Not read: {Reading.PARTS[part]}, since" in page
    assert ("was OK" in page) == (part == "answered")
    assert ("figures not read" in page) == (part == "figures")
    assert page.count("tunnels not read") == (3 if part == "tunnels" else 0)
    assert page.count("As it was read") == (part in ("mutes", "subscriptions"))
    assert [each["bad_for_minutes"] is None for each in client.get("/api/v1/alarms").json()["items"]] == [part == "figures"] * 6
    front = client.get(reverse("now")).content.decode()
    assert (Reading.PARTS[part] in front) == (part != "answered")
    assert ("The alarms are not known" in front) == (part == "answered")


def test_what_is_wrong_with_several_calls_is_said_once(control: Control, viewer: Operator, client: Client) -> None:
    before = timezone.now() - timedelta(minutes=10)
    poller.poll(before)
    control.fault("throttle", times=-1, seconds="0")
    assert not poller.poll()
    problem = Reading.objects.get().problem
    assert problem.count("Rate exceeded") == 1
    assert problem.startswith("cloudwatch describe-alarms, cloudwatch describe-alarm-history, cloudwatch get-metric-data")
    client.force_login(viewer)
    page = client.get(reverse("alarms:list")).content.decode()
    assert "Nothing has been read since" in page
    assert "Not read:" not in page
    assert "figures not read" not in page, "“was OK” says it"


@pytest.mark.parametrize("part, service, operation", PARTS)
def test_a_call_that_was_never_allowed_makes_no_claim(
    control: Control, viewer: Operator, client: Client, part: str, service: str, operation: str
) -> None:
    control.fault("access-denied", times=-1, service=service, operation=operation)
    assert not poller.poll()
    client.force_login(viewer)
    page = client.get(reverse("alarms:list")).content.decode()
    one = client.get(reverse("alarms:detail", args=("DLM-Ml VPN status",))).content.decode()
    assert f"Not read: {Reading.PARTS[part]}, never yet." in page
    claims = {
        "answered": ["agrees", "not there", "Which</legend>"],
        "through": ["f-okq", "Nothing has happened to it", "Fired, "],
        "figures": ["has no figure"],
        "tunnels": ["There is no IPSec connection"],
        "mutes": ["Nothing is muted"],
        "subscriptions": ["Nobody is subscribed", "Plan the subscription"],
    }
    for claim in claims[part]:
        assert claim not in page + one
    for other in sorted(set(claims) - {part, "answered", "tunnels"} if part != "answered" else ()):
        assert Reading.PARTS[other] not in page


def test_a_strip_is_drawn_from_where_history_is_known(control: Control) -> None:
    poller.poll()
    assert board.board().strip_days == 30
    Reading.objects.update(since=timezone.now() - timedelta(days=500))
    assert board.board().strip_days == 90
    Reading.objects.update(since=None)  # as an older version left it where nothing had changed
    assert board.board().strip_days == 1
    Transition.objects.all().delete()
    through = Reading.objects.get().through
    poller.poll()
    assert Reading.objects.get().since == (through or timezone.now()) - poller.REMEMBERED
    assert board.board().strip_days == 30
    Transition.objects.create(alarm=CPU, at=timezone.now() - timedelta(days=70), kind="StateUpdate", old="ALARM", new="OK", summary="x")
    Reading.objects.update(since=None)
    poller.poll()
    assert board.board().strip_days == 70


def test_an_alarm_that_was_on_before_the_strip_begins_is_not_drawn_as_well() -> None:
    now = timezone.now()
    scenery.alarms_read(now)
    Alarm.objects.create(name=CPU, state="ALARM", since=now - timedelta(days=200), changed=now, seen=now)
    Alarm.objects.create(name=HEALTH, state="OK", since=now - timedelta(days=45), changed=now, seen=now)
    Transition.objects.create(alarm=HEALTH, at=now - timedelta(days=45), kind="StateUpdate", old="ALARM", new="OK", summary="x")
    drawn = {row.name: [(span.light, span.x, span.width) for span in row.strip] for row in board.board(now).rows}
    assert drawn[CPU] == [("bad", 0, 100)]
    assert drawn[HEALTH] == [("bad", 0, 50)]


def test_a_strip_says_of_an_alarm_whose_history_is_not_there_yet_no_more_than_is_known() -> None:
    now = timezone.now()
    rang = now - timedelta(seconds=40)
    scenery.alarms_read(now)
    Alarm.objects.create(name=CPU, state="ALARM", since=rang, changed=now, seen=now)
    Alarm.objects.create(name=HEALTH, state="ALARM", since=rang, changed=now, seen=now, expected=True)
    Transition.objects.create(alarm=HEALTH, at=now - timedelta(days=80), kind="StateUpdate", old="OK", new="ALARM", summary="x")
    Transition.objects.create(alarm=HEALTH, at=now - timedelta(days=71), kind="StateUpdate", old="ALARM", new="OK", summary="x")
    Alarm.objects.create(name=CONNECTIONS, state="OK", since=now - timedelta(days=45), changed=now, seen=now)
    drawn = {row.name: (row.fired, [(span.light, span.x, span.width) for span in row.strip]) for row in board.board(now).rows}
    assert drawn[CPU] == (1, [("unknown", 0, 100), ("bad", 99.4, 0.6)])
    assert drawn[HEALTH] == (2, [("bad", 11.11, 10), ("info", 99.4, 0.6)])
    assert drawn[CONNECTIONS] == (0, [("unknown", 0, 50)])


def test_an_alarm_of_this_minute_is_seen_at_the_end_of_the_strip() -> None:
    now = timezone.now()
    (span,) = board._spans([Turn(CPU, now - timedelta(minutes=1), "OK", "ALARM", False)], "OK", now - board.STRIP, now)
    assert (span.light, span.x, span.width) == ("bad", 99.4, 0.6)


def test_what_was_not_read_is_a_hole_in_the_strip() -> None:
    now = timezone.now()
    read = scenery.alarms_read(now)
    Alarm.objects.create(name=CPU, state="OK", since=now - timedelta(days=200), changed=now, seen=now)
    Reading.objects.filter(pk=read.pk).update(lost_from=now - timedelta(days=200), lost_to=now - timedelta(days=45))
    (strip,) = [row.strip for row in board.board(now).rows if row.name == CPU]
    assert [(span.light, span.x, span.width) for span in strip] == [("unknown", 0, 50)]
    Reading.objects.update(lost_from=None, lost_to=None, through=now - timedelta(days=9))
    (strip,) = [row.strip for row in board.board(now).rows if row.name == CPU]
    assert [(span.light, span.x, span.width) for span in strip] == [("unknown", 90, 10)]


def test_the_calls_do_not_depend_on_who_looks(control: Control, viewer: Operator, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(event_name: str, **_: Any) -> None:
        calls.append(event_name)

    poller.poll()
    for service in ("cloudwatch", "sns", "ec2"):
        session.client(service).meta.events.register("before-call", counted)
    try:
        poller.poll()
        alone = len(calls)
        client.force_login(viewer)
        for look in range(200):
            url = "/api/v1/alarms" if look % 20 else reverse("alarms:list")
            assert client.get(url).status_code == 200
        poller.poll()
    finally:
        for service in ("cloudwatch", "sns", "ec2"):
            session.client(service).meta.events.unregister("before-call", counted)
    assert len(calls) == 2 * alone
    assert alone >= 5


# -- what is to be said of an alarm


def test_a_busy_database_alarms_is_acknowledged_and_recovers(
    control: Control, operator: Operator, viewer: Operator, client: Client
) -> None:
    poller.poll()
    with pytest.raises(actions.NotPossible):
        actions.acknowledge(CPU, note="too early", by=operator)
    control.act("database", kind="cpu", state="busy")
    poller.poll()
    (row,) = [row for row in board.board().rows if row.name == CPU]
    assert (row.light, row.word) == ("bad", "ALARM")
    with pytest.raises(Forbidden):
        actions.acknowledge(CPU, note="I am only looking", by=viewer)
    client.force_login(operator)
    client.post(reverse("alarms:acknowledge", args=(CPU,)), {"note": "reindexing, ends at eight"})
    (row,) = [row for row in board.board().rows if row.name == CPU]
    assert row.word == "acknowledged"
    assert "reindexing, ends at eight" in client.get(reverse("alarms:detail", args=(CPU,))).content.decode()
    control.act("database", kind="cpu", state="calm")
    poller.poll()
    (row,) = [row for row in board.board().rows if row.name == CPU]
    assert row.word in ("OK", "soon")


def test_a_link_that_is_down_is_counted_down_to_its_alarm(control: Control) -> None:
    control.act("ipsec", link="DLM-Ml", state="down", minutes="9")
    poller.poll()
    (row,) = [row for row in board.board().rows if row.name == "DLM-Ml VPN status"]
    assert row.word == "soon"
    assert 8 <= row.bad_for <= 11
    assert (row.needed, row.left) == (15, 15 - row.bad_for)
    assert len(row.tunnels_down) == 2


def test_one_tunnel_of_two_is_said_though_the_alarm_is_silent(control: Control) -> None:
    control.act("ipsec", link="DLM-Lan", tunnel="2", state="down", minutes="2")
    poller.poll()
    (row,) = [row for row in board.board().rows if row.name == "DLM-Lan VPN status"]
    assert (row.word, [tunnel.address for tunnel in row.tunnels_down]) == ("one down", ["203.0.113.12"])


def test_two_tunnels_of_two_are_not_said_to_be_one(client: Client, viewer: Operator) -> None:
    """The alarm is still OK, and its figures were not read."""
    now = timezone.now()
    scenery.observed()
    scenery.alarms_read(now)
    Reading.objects.update(figures=None)
    name = "DLM-Lan VPN status"
    Alarm.objects.create(name=name, state="OK", since=now - timedelta(days=9), changed=now, seen=now)
    for address in ("203.0.113.11", "203.0.113.12"):
        Tunnel.objects.create(address=address, link="DLM-Lan", connection="vpn-1", up=False, since=now, seen=now)
    client.force_login(viewer)
    url = reverse("alarms:detail", args=(name,))
    front, one = (client.get(each).content.decode() for each in (reverse("now"), url))
    assert "DLM-Lan: no tunnel is up" in front
    assert "None of its tunnels is up" in one
    assert "other" not in front[front.index("no tunnel is up") :][:200]
    Tunnel.objects.filter(address="203.0.113.11").update(up=True)
    front, one = (client.get(each).content.decode() for each in (reverse("now"), url))
    assert "DLM-Lan: one of two tunnels is down" in front
    assert "One of its tunnels is down: the alarm stays silent while the other is up." in one


def test_a_difference_that_was_not_read_lately_is_one_of_then(client: Client, viewer: Operator) -> None:
    now = timezone.now()
    scenery.alarms_read(now)
    Alarm.objects.create(name=CPU, state="OK", since=now, changed=now, seen=now)
    client.force_login(viewer)
    lists, of = reverse("alarms:list"), {name: reverse("alarms:detail", args=(name,)) for name in (CPU, HEALTH)}
    verdicts = {row.name: row.verdict for row in board.board(now).rows}
    assert (verdicts[CPU], verdicts[HEALTH]) == (("warn", "differs"), ("bad", "missing"))
    assert "alarms differ from the declaration:" in client.get(lists).content.decode()
    assert "CloudWatch has no such alarm" in client.get(of[HEALTH]).content.decode()

    Reading.objects.update(answered=now - timedelta(minutes=7))
    verdicts = {row.name: row.verdict for row in board.board(now).rows}
    assert (verdicts[CPU], verdicts[HEALTH]) == (("unknown", "differed"), ("unknown", "was missing"))
    page = client.get(lists).content.decode()
    assert re.search(r"alarms differed from the declaration <[^>]+>7 min 0\d s ago</time>:", page)
    assert re.search(r"was missing</span><span class=\"sub\"><[^>]+>7 min", page)
    one, missing = (client.get(of[name]).content.decode() for name in (CPU, HEALTH))
    assert re.search(r"differed</span> <[^>]+>7 min 0\d s ago</time>", one)
    assert "</b> when it was read, " in one
    assert "CloudWatch had no such alarm when it was read" in missing
    for words in ("differs", "differ from", " live, ", "has no such alarm", ">not there"):
        assert words not in page + one + missing
    assert "Plan to apply the declaration" in one


def test_old_news_is_no_green(control: Control) -> None:
    poller.poll()
    assert {row.light for row in board.board().rows} <= {"ok", "warn", "info"}
    later = timezone.now() + timedelta(minutes=10)
    assert {row.light for row in board.board(later).rows} == {"unknown"}
    assert {row.verdict for row in board.board(later).rows} == {("unknown", "agreed")}


def test_a_release_explains_beanstalks_health(control: Control, admin: Operator) -> None:
    from tests import scenery

    began = timezone.now() - timedelta(days=4, hours=30)
    run = scenery.run(scenery.plan(admin), admin)
    run.kind, run.started, run.ended, run.state = "release", began, timezone.now() - timedelta(days=3), "succeeded"
    run.save()
    poller.poll()
    in_it = Transition.objects.filter(alarm=HEALTH, new="ALARM", at__gte=began, at__lte=run.ended)
    assert in_it
    assert {(each.run, each.expected) for each in in_it} == {(run.number, True)}
    others = Transition.objects.filter(new="ALARM", at__lt=began)
    assert others
    assert not any(each.expected or each.run for each in others)


# -- declared and live


def test_a_difference_is_seen_and_applied_by_a_run(control: Control, releaser: Operator, operator: Operator) -> None:
    poller.poll()
    live = Alarm.objects.get(pk=CONNECTIONS).definition
    session.tell("cloudwatch", "put_metric_alarm", AlarmName=CONNECTIONS, **(live | {"Threshold": 150.0}))
    try:
        poller.poll()
        (row,) = [row for row in board.board().rows if row.name == CONNECTIONS]
        assert [(line.name, line.declared, line.live) for line in row.differing] == [("Threshold", "100", "150")]
        with pytest.raises(Forbidden):
            actions.plan_apply(CONNECTIONS, by=operator)
        plan = actions.plan_apply(CONNECTIONS, by=releaser)
        done(plan)
        (row,) = [row for row in board.board().rows if row.name == CONNECTIONS]
        assert not row.differing
        configured = Transition.objects.filter(alarm=CONNECTIONS, kind="ConfigurationUpdate").first()
        assert configured is not None
        assert configured.data["originalUpdatedFields"]["threshold"] == 150.0
    finally:
        session.tell("cloudwatch", "put_metric_alarm", AlarmName=CONNECTIONS, **live)


def test_a_mute_is_cloudwatchs_own_and_ends(control: Control, operator: Operator) -> None:
    poller.poll()
    done(actions.plan_mute([CPU], minutes=30, why="a load test", by=operator))
    (row,) = [row for row in board.board().rows if row.name == CPU]
    assert row.mute is not None
    assert row.mute.active
    done(actions.plan_unmute(row.mute.name, by=operator))
    (row,) = [row for row in board.board().rows if row.name == CPU]
    assert row.mute is None


@pytest.mark.parametrize(
    "minutes, names, why", [(0, [CPU], "x"), (30, [], "x"), (30, ["nobody"], "x"), (30, [CPU], " "), (21_601, [CPU], "x")]
)
def test_a_mute_that_is_none_is_refused(control: Control, operator: Operator, minutes: int, names: list[str], why: str) -> None:
    poller.poll()
    with pytest.raises(actions.NotPossible):
        actions.plan_mute(names, minutes=minutes, why=why, by=operator)
    assert not Plan.objects.exists()


def done(plan: Plan) -> None:
    """What the engine does with the plan's one act: probe, do, probe."""
    (act,) = [Act(**{**each, "argv": tuple(each["argv"])}) for step in plan.document["steps"] for each in step["acts"]]
    kind = kind_of(act)
    assert isinstance(kind.probe(act, context({})), NotDone)
    answer = kind.do(act, context({}))
    assert isinstance(kind.probe(act, context(answer)), Done)


class Unheard:
    def write(self, data: bytes, *, offset: int | None = None) -> None: ...

    def line(self, text: str) -> None: ...


def context(answer: Any) -> Context:
    return Context(1, 1, {}, timezone.now(), answer, lambda host: Unheard(), lambda: False, 0.0)


# -- SNS


@pytest.fixture
def subscribed(control: Control, live_server: Any, settings: Settings) -> Iterator[str]:
    """The console's own address, subscribed to the topic. The token comes to the live server, which sends it back."""
    settings.SITE_URL = live_server.url
    endpoint = actions.endpoint()
    topics.subscribe(TOPIC, "http", endpoint)
    until(lambda: any(each.endpoint == endpoint and each.is_confirmed for each in topics.subscriptions(TOPIC)))
    yield endpoint
    arn = next(each.arn for each in topics.subscriptions(TOPIC) if each.endpoint == endpoint)
    session.tell("sns", "unsubscribe", SubscriptionArn=arn)


def until(holds: Any, seconds: float = 60) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_a_message_of_snss_makes_the_console_read_at_once_and_a_forged_one_does_not(control: Control, subscribed: str) -> None:
    control.act("database", kind="cpu", state="busy")
    until(lambda: Alarm.objects.filter(pk=CPU, state="ALARM").exists())
    assert Message.objects.count() >= 2
    for kind, why in (("replayed", "replayed"), ("unsigned", "unsigned"), ("changed", "signature")):
        control.act("sns-forged", kind=kind)
        until(lambda why=why: Refusal.objects.filter(pk=why).exists())
    for kind, why in (("other-topic", "other topic"), ("other-certificate", "certificate host")):
        control.act("sns-forged", kind=kind)
        until(lambda why=why: Refusal.objects.filter(pk=why).exists())
    assert not Refusal.objects.filter(pk="unreadable").exists()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"Type": 5}', b"\xff\xfe", json.dumps({"TopicArn": TOPIC, "Type": "Notification"}).encode()]
)
def test_a_message_that_is_none_is_refused_and_counted(client: Client, body: bytes) -> None:
    response = client.post(reverse("alarms:sns"), body, content_type="text/plain")
    assert response.status_code == 403
    assert sum(Refusal.objects.values_list("count", flat=True)) == 1
    assert not Message.objects.exists()
    with pytest.raises(sns.NotBelieved):
        sns.receive(body)


# -- pages and API


def test_the_pages_show_full_empty_and_unknown(control: Control, viewer: Operator, client: Client) -> None:
    client.force_login(viewer)
    empty = client.get(reverse("alarms:list")).content.decode() + client.get(reverse("alarms:detail", args=(CPU,))).content.decode()
    assert "has not been read yet" in empty
    assert "not read yet" in empty
    for claim in ("differ from the declaration", "no such alarm", "missing", "not there", "f-okq", "Nothing is muted", "Which</legend>"):
        assert claim not in empty  # nobody knows
    poller.poll()
    page = client.get(reverse("alarms:list")).content.decode()
    assert page.count('class="spark"') == 6
    assert "Nothing is muted" in page
    one = client.get(reverse("alarms:detail", args=(CPU,))).content.decode()
    assert "Threshold Crossed: 3 out of the last 3 datapoints" in one
    assert "<svg" in one
    assert "style=" not in one
    assert client.get(reverse("alarms:detail", args=("nobody",))).status_code == 404
    assert client.get(reverse("alarms:detail", args=(CPU,)), {"cursor": "x"}).status_code == 404
    assert client.post(reverse("alarms:list")).status_code == 405


def test_a_change_of_the_definition_is_told_in_words(viewer: Operator, client: Client) -> None:
    data = {"originalUpdatedFields": {"okActions": [TOPIC], "threshold": 100.0}}
    Transition.objects.create(alarm=CPU, at=timezone.now(), kind=Transition.Kind.CONFIGURATION, summary="Alarm updated", data=data)
    client.force_login(viewer)
    page = client.get(reverse("alarms:detail", args=(CPU,))).content.decode()
    assert f"okActions was {TOPIC}<" in page
    assert "threshold was 100.0<" in page


def test_a_plan_is_shown_and_started_once(control: Control, operator: Operator, viewer: Operator, client: Client) -> None:
    poller.poll()
    client.force_login(operator)
    response = client.post(reverse("alarms:mute"), {"alarm": CPU, "minutes": "30", "why": "a test"})
    plan = Plan.objects.get()
    assert response.headers["Location"] == reverse("alarms:plan", args=(plan.pk,))
    page = client.get(response.headers["Location"]).content.decode()
    assert "put-alarm-mute-rule" in page
    assert f"<dt>alarms</dt><dd>{CPU}</dd>" in page
    started = client.post(reverse("alarms:start", args=(plan.pk,)), {"hash": plan.hash, "key": str(uuid4())})
    assert "/runs/" in started.headers["Location"]
    again = client.post(reverse("alarms:start", args=(plan.pk,)), {"hash": plan.hash, "key": str(uuid4())})
    assert again.headers["Location"] == reverse("alarms:plan", args=(plan.pk,)), "the alarms' lock is held"
    assert plan.lock_group == plans.GROUP


def test_the_api_lists_alarms_and_pages_through_transitions(control: Control, viewer: Operator, client: Client) -> None:
    poller.poll()
    client.force_login(viewer)
    listed = client.get("/api/v1/alarms", {"limit": 4}).json()
    rest = client.get("/api/v1/alarms", {"limit": 4, "cursor": listed["next"]}).json()
    assert [each["name"] for each in listed["items"] + rest["items"]] == sorted(current().alarms)
    url, seen, cursor = f"/api/v1/alarms/{CPU}/transitions", [], ""
    while True:
        page = client.get(f"{url}?limit=5&cursor={cursor}").json()
        seen += [each["id"] for each in page["items"]]
        if not (cursor := page["next"] or ""):
            break
    stored = list(Transition.objects.filter(alarm=CPU).order_by("-at", "-id").values_list("id", flat=True))
    assert seen == stored
    assert client.get(url, {"cursor": "nonsense"}).status_code == 404
    assert client.get("/api/v1/alarms/nobody/transitions").status_code == 404


def test_a_page_of_the_history_is_found_by_its_key(django_assert_max_num_queries: Any) -> None:
    now = timezone.now()
    Transition.objects.bulk_create(
        Transition(alarm="many", at=now - timedelta(minutes=n // 2), kind="StateUpdate", old="OK", new="ALARM", summary=f"{n}")
        for n in range(120)
    )
    found, cursor = [], ""
    while True:
        with django_assert_max_num_queries(2):
            page = history.page("many", cursor=cursor)
        found += [line.transition.summary for line in page.lines]
        if not (cursor := page.next):
            break
    assert sorted(found, key=int) == [str(n) for n in range(120)], "two at the same time are on one page or on two, and on none twice"


def test_figures_are_counted_back_from_the_newest_whole_minute() -> None:
    definition = {"Threshold": 70.0, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3, "Period": 60}
    points = [(0.0, 90.0), (60.0, 10.0), (120.0, 90.0), (180.0, 90.0), (240.0, 5.0)]
    assert declared.bad_for(definition, points, 299) == 2, "the minute that is not over does not count"
    assert declared.bad_for(definition, points, 301) == 0
    assert declared.bad_for(definition, [(0.0, 90.0), (120.0, 90.0)], 200) == 1, "a gap ends it"
    assert declared.condition(definition | {"DatapointsToAlarm": 3}, "%") == ("> 70 %", "3 of 3 in 3 min")


def test_a_strip_draws_no_more_than_can_be_seen() -> None:
    """What would lie over one another is one span; what stands apart, or is of another kind, is not."""
    now = timezone.now()
    flaps = [Turn(CPU, now - timedelta(minutes=20 * (4000 - n)), "", "OK" if n % 2 else "ALARM", False) for n in range(4000)]
    begins = now - board.STRIP
    assert [(round(span.x), round(span.x + span.width)) for span in board._spans(flaps, "", begins, now)] == [(38, 100)]
    days = [(80, "ALARM", False), (79, "OK", False), (10, "ALARM", False), (9, "ALARM", True), (8, "OK", False)]
    apart = [Turn(CPU, now - timedelta(days=ago), "", new, expected) for ago, new, expected in days]
    assert [span.light for span in board._spans(apart, "OK", begins, now)] == ["bad", "bad", "info"]


def last(name: str) -> Turn:
    """It has been well for ever."""
    return Turn(name, datetime(2020, 1, 1, tzinfo=UTC), "INSUFFICIENT_DATA", "OK", False)


@pytest.mark.django_db
def test_a_strip_is_drawn_anew_when_another_transition_is_stored() -> None:
    at = timezone.now()

    def stored(days: int, new: str) -> None:
        Transition.objects.create(alarm=CPU, at=at - timedelta(days=days), kind=Transition.Kind.STATE, new=new, summary=new)

    begins = at - board.STRIP
    assert board._drawn((last(CPU),), begins, at) == [((), 0, 0)]
    stored(3, "ALARM")
    [(spans, fired, _)] = board._drawn((last(CPU),), begins, at)
    assert (len(spans), fired) == (1, 1)
    stored(2, "OK")
    [(ended, _, _)] = board._drawn((last(CPU),), begins, at)
    assert ended[0].width < spans[0].width
    assert board._drawn((last(CPU), last("another")), begins, at)[1] == ((), 0, 0)


@pytest.mark.django_db
def test_a_strip_is_its_own_alarms_also_where_another_thread_draws_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    class Replaced(tuple[Any, ...]):
        """Whoever looks for whom it was drawn loses it to another thread."""

        def __getitem__(self, index: Any) -> Any:
            board._kept = ("another's", [])
            return super().__getitem__(index)

    at = timezone.now()
    drawn = board._drawn((last(CPU),), at - board.STRIP, at)
    assert board._kept is not None
    monkeypatch.setattr(board, "_kept", Replaced(board._kept))
    assert board._drawn((last(CPU),), at - board.STRIP, at) is drawn
