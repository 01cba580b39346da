"""The alarms of the played CloudWatch: their judging, their history, their mute rules, and the messages of SNS."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.aws import alarm_seed, alarms, provoke, topics
from sandbox.aws.alarm_rules import ALARM, BREACHING, IGNORE, MISSING, NOT_BREACHING, OK, UNKNOWN, Rule, judge
from sandbox.world import Fault
from tests.sandbox.conftest import Estate, refused, until

CPU = alarm_seed.CPU
X, o, gap = 90.0, 10.0, None


# Judging, held against the tables of CloudWatch's own guide.


@pytest.mark.parametrize(
    "points, least, expected",
    [
        ((o, gap, X, gap, X), 3, {MISSING: OK, IGNORE: OK, BREACHING: OK, NOT_BREACHING: OK}),
        ((o, gap, gap, gap, gap), 3, {MISSING: OK, IGNORE: OK, BREACHING: OK, NOT_BREACHING: OK}),
        ((gap,) * 5, 3, {MISSING: UNKNOWN, IGNORE: "before", BREACHING: ALARM, NOT_BREACHING: OK}),
        ((o, X, X, gap, X), 3, dict.fromkeys((MISSING, IGNORE, BREACHING, NOT_BREACHING), ALARM)),
        ((gap, gap, X, gap, gap), 3, {MISSING: ALARM, IGNORE: "before", BREACHING: ALARM, NOT_BREACHING: OK}),
        ((o, gap, X, gap, X), 2, dict.fromkeys((MISSING, IGNORE, BREACHING, NOT_BREACHING), ALARM)),
        ((o, o, X, o, X), 2, dict.fromkeys((MISSING, IGNORE, BREACHING, NOT_BREACHING), ALARM)),
        ((o, gap, X, gap, gap), 2, {MISSING: OK, IGNORE: OK, BREACHING: ALARM, NOT_BREACHING: OK}),
        ((gap, gap, gap, gap, o), 2, {MISSING: OK, IGNORE: OK, BREACHING: ALARM, NOT_BREACHING: OK}),
        ((gap, gap, gap, X, gap), 2, {MISSING: ALARM, IGNORE: "before", BREACHING: ALARM, NOT_BREACHING: OK}),
        ((o, o, X, X, X), 3, dict.fromkeys((MISSING, IGNORE, BREACHING, NOT_BREACHING), ALARM)),
        ((X, X, X, X, o), 3, dict.fromkeys((MISSING, IGNORE, BREACHING, NOT_BREACHING), OK)),
    ],
)
def test_missing_points_count_as_the_guide_says(points: Any, least: int, expected: dict[str, str]) -> None:
    timed = [(60.0 * n, value) for n, value in enumerate(points)]
    for missing, state in expected.items():
        assert judge(Rule("GreaterThanThreshold", 70, 3, least, missing), timed, "before").state == state, missing


def test_reasons_are_worded_as_cloudwatch_words_them() -> None:
    start = datetime(2026, 11, 23, 8, 26, tzinfo=UTC).timestamp()
    rule = Rule("GreaterThanThreshold", 70.0, 3, 3)

    def after(*values: float | None, now: str = OK) -> str:
        return judge(rule, [(start + 60 * n, value) for n, value in enumerate(values)], now).reason

    assert after(1.0, 2.0, 71.2, 74.0, 88.1) == (
        "Threshold Crossed: 3 out of the last 3 datapoints [88.1 (23/11/26 08:30:00), 74.0 (23/11/26 08:29:00), 71.2 (23/11/26 08:28:00)] "
        "were greater than the threshold (70.0) (minimum 3 datapoints for OK -> ALARM transition)."
    )
    assert after(90.0, 90.0, 90.0, 90.0, 12.0, now=ALARM) == (
        "Threshold Crossed: 1 out of the last 3 datapoints [12.0 (23/11/26 08:30:00)] was not greater than the threshold (70.0) "
        "(minimum 1 datapoint for ALARM -> OK transition)."
    )
    assert after(None, None, None, None, None) == "Insufficient Data: 3 datapoints were unknown."
    breaching = judge(Rule("LessThanThreshold", 1.0, 3, 3, BREACHING), [(start + 300.0 * n, None) for n in range(5)], OK)
    assert breaching.reason == (
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
    )


# Over the wire.


def test_the_documents_alarms_are_there_and_quiet(estate: Estate) -> None:
    found = {alarm["AlarmName"]: alarm for alarm in estate.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert set(found) == {CPU, alarm_seed.CONNECTIONS, alarm_seed.HEALTH, *alarm_seed.TUNNELS}
    assert (found[CPU]["Threshold"], found[CPU]["Period"], found[CPU]["DatapointsToAlarm"]) == (70.0, 60, 3)
    assert found[CPU]["AlarmActions"] == [topics.ALARM_TOPIC]


def test_alarms_come_in_pages(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    first = client.describe_alarms(MaxRecords=4)
    rest = client.describe_alarms(MaxRecords=4, NextToken=first["NextToken"])
    assert (len(first["MetricAlarms"]), len(rest["MetricAlarms"]), "NextToken" in rest) == (4, 2, False)
    assert refused(client.describe_alarms, AlarmNames=["a"], AlarmNamePrefix="b")[1] == "ValidationError"


def test_a_month_of_history_follows_from_the_months_figures(estate: Estate) -> None:
    pages = estate.client("cloudwatch").get_paginator("describe_alarm_history").paginate(HistoryItemType="StateUpdate", MaxRecords=10)
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    by_name = {name: [item for item in items if item["AlarmName"] == name] for name in {item["AlarmName"] for item in items}}
    assert len([item for item in by_name[CPU] if item["HistorySummary"] == "Alarm updated from OK to ALARM"]) >= 3
    assert "DLM-Cetsi VPN status" not in by_name, "nine minutes are no fifteen"
    assert min(item["Timestamp"] for item in items) > datetime.now(UTC) - timedelta(days=30)
    data = json.loads(by_name[CPU][-1]["HistoryData"])
    points = data["newState"]["stateReasonData"]["recentDatapoints"]
    assert (data["oldState"]["stateValue"], data["newState"]["stateValue"], len(points), min(points) > 70) == ("OK", "ALARM", 3, True)


def test_a_busy_database_raises_its_alarm_and_a_quiet_one_lowers_it(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    estate.aws.recorder.record()
    alarms.backend().evaluate()  # what another test left is over before this one begins
    began = datetime.now(UTC)
    topics.backend().mails.clear()
    provoke.database(estate.world, "cpu")
    try:
        (alarm,) = client.describe_alarms(AlarmNames=[CPU])["MetricAlarms"]
        assert alarm["StateValue"] == ALARM
        assert alarm["StateReason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints [")
    finally:
        provoke.calm(estate.world, "cpu")
    assert client.describe_alarms(AlarmNames=[CPU])["MetricAlarms"][0]["StateValue"] == OK
    history = client.describe_alarm_history(AlarmName=CPU, StartDate=began, ScanBy="TimestampAscending")["AlarmHistoryItems"]
    updates = [item["HistorySummary"] for item in history if item["HistoryItemType"] == "StateUpdate"]
    assert updates == ["Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"]
    told = {f'ALARM: "{CPU}" in EU (Paris)', f'OK: "{CPU}" in EU (Paris)'}
    until(lambda: told <= {mail["subject"] for mail in topics.backend().mails})  # actions are done beside, and told when they are done


def test_a_set_state_lasts_until_the_next_judging(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    estate.aws.recorder.record()
    client.set_alarm_state(AlarmName=CPU, StateValue="ALARM", StateReason="a test")
    alarms.backend().evaluate()
    assert client.describe_alarms(AlarmNames=[CPU])["MetricAlarms"][0]["StateValue"] == OK
    assert refused(client.set_alarm_state, AlarmName="nobody", StateValue="OK", StateReason="x")[1] == "ResourceNotFound"


def test_a_mute_rule_keeps_actions_back_and_nothing_else(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    now = datetime.now(UTC)
    schedule = {"Expression": f"at({now:%Y-%m-%dT%H:%M})", "Duration": "PT30M"}
    client.put_alarm_mute_rule(Name="a-test", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": [CPU]})
    try:
        rule = client.get_alarm_mute_rule(AlarmMuteRuleName="a-test")
        assert (rule["Status"], rule["MuteType"], rule["MuteTargets"]["AlarmNames"]) == ("ACTIVE", "ONE_TIME", [CPU])
        assert len(client.list_alarm_mute_rules(AlarmName=CPU)["AlarmMuteRuleSummaries"]) == 1
        topics.backend().mails.clear()
        client.set_alarm_state(AlarmName=CPU, StateValue="ALARM", StateReason="a test")
        assert client.describe_alarms(AlarmNames=[CPU])["MetricAlarms"][0]["StateValue"] == ALARM
        assert not topics.backend().mails
    finally:
        client.delete_alarm_mute_rule(AlarmMuteRuleName="a-test")
        client.set_alarm_state(AlarmName=CPU, StateValue="OK", StateReason="a test is over")
    assert len(topics.backend().mails) == 1
    assert refused(client.get_alarm_mute_rule, AlarmMuteRuleName="a-test")[1] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "schedule", [{"Expression": "at(soon)", "Duration": "PT1H"}, {"Expression": "at(2026-11-23T08:00)", "Duration": "P16D"}]
)
def test_a_mute_rule_that_is_none_is_refused(estate: Estate, schedule: dict[str, str]) -> None:
    assert refused(estate.client("cloudwatch").put_alarm_mute_rule, Name="x", Rule={"Schedule": schedule})[1] == "ValidationError"


def test_a_changed_definition_is_in_the_history(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    asked: dict[str, Any] = {"AlarmName": "a test", "Namespace": "T", "MetricName": "M", "Statistic": "Average", "Period": 60}
    asked |= {"EvaluationPeriods": 3, "ComparisonOperator": "GreaterThanThreshold"}
    client.put_metric_alarm(**asked, Threshold=5)
    assert client.describe_alarms(AlarmNames=["a test"])["MetricAlarms"][0]["StateValue"] == UNKNOWN
    client.put_metric_alarm(**asked, Threshold=6)
    client.delete_alarms(AlarmNames=["a test"])
    items = client.describe_alarm_history(AlarmName="a test", HistoryItemType="ConfigurationUpdate", ScanBy="TimestampAscending")
    assert [item["HistorySummary"] for item in items["AlarmHistoryItems"]] == [
        f'Alarm "a test" {what}' for what in ("created", "updated", "deleted")
    ]
    assert json.loads(items["AlarmHistoryItems"][1]["HistoryData"])["originalUpdatedFields"] == {"threshold": 5.0}
    assert refused(client.put_metric_alarm, **(asked | {"Period": 45}), Threshold=5)[1] == "InvalidParameterValue"


# SNS.


@pytest.fixture
def inbox() -> Any:
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("version", ["1", "2"])
def test_messages_are_signed_and_wait_for_a_confirmed_subscription(estate: Estate, inbox: Any, version: str) -> None:
    address, received = inbox
    sns = estate.client("sns")
    sns.set_topic_attributes(TopicArn=topics.ALARM_TOPIC, AttributeName="SignatureVersion", AttributeValue=version)
    answer = sns.subscribe(TopicArn=topics.ALARM_TOPIC, Protocol="http", Endpoint=address)
    assert answer["SubscriptionArn"] == "pending confirmation"
    until(lambda: received, 60)
    assert refused(sns.confirm_subscription, TopicArn=topics.ALARM_TOPIC, Token="no token")[1] == "InvalidParameter"
    arn = sns.confirm_subscription(TopicArn=topics.ALARM_TOPIC, Token=received[0]["Token"])["SubscriptionArn"]
    try:
        sns.publish(TopicArn=topics.ALARM_TOPIC, Subject="a test", Message="hello")
        until(lambda: len(received) == 2, 60)
    finally:
        sns.unsubscribe(SubscriptionArn=arn)
    signer = topics.backend().signer
    assert signer is not None
    public: Any = x509.load_pem_x509_certificate(signer.certificate).public_key()
    for message in received:
        text = "".join(f"{name}\n{message[name]}\n" for name in topics.SIGNED[message["Type"]] if name in message)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
        public.verify(base64.b64decode(message["Signature"]), text.encode(), padding.PKCS1v15(), algorithm)
        assert message["SignatureVersion"] == version


def test_the_certificate_lies_under_snss_own_name(estate: Estate) -> None:
    status, _, body, _ = topics.certificate(topics.CERTIFICATE_PATH)
    assert (status, body.startswith(b"-----BEGIN CERTIFICATE")) == (200, True)
    assert topics.certificate("/nothing")[0] == 404


def test_cloudwatch_throttles_in_its_own_words(estate: Estate) -> None:
    estate.world.faults.add(Fault("throttle", "", 1, {"operation": "DescribeAlarms"}))
    assert refused(estate.client("cloudwatch").describe_alarms) == (400, "Throttling", "Rate exceeded")
    assert estate.client("cloudwatch").describe_alarms()["MetricAlarms"]
