"""The figures of the played CloudWatch: a month of them, what they follow from, what can be made of them, and the dashboards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.aws import cloudwatch, dashboards
from sandbox.aws.inventory import network
from tests.sandbox.conftest import Estate, refused

PROD, DATABASE = "client-magento-prod", {"DBInstanceIdentifier": "client-magento-prod"}


def metric(namespace: str, name: str, dimensions: dict[str, str], *, stat: str = "Average", period: int = 60, id_: str = "m1") -> Any:
    named = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {
        "Id": id_,
        "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": named}, "Period": period, "Stat": stat},
    }


def asked(estate: Estate, *queries: Any, back: timedelta, until: datetime | None = None) -> list[Any]:
    end = until or datetime.now(UTC)
    answer = estate.client("cloudwatch").get_metric_data(
        MetricDataQueries=list(queries), StartTime=end - back, EndTime=end, ScanBy="TimestampAscending"
    )
    return list(answer["MetricDataResults"])


def test_a_month_of_figures_is_there_from_the_start_and_reads_the_same_twice(estate: Estate) -> None:
    end = datetime.now(UTC) - timedelta(hours=1)
    hourly = metric("AWS/RDS", "CPUUtilization", DATABASE, period=3600)
    first, second = (asked(estate, hourly, back=timedelta(days=30), until=end)[0] for _ in range(2))
    assert len(first["Values"]) in (720, 721)
    assert first["Values"] == second["Values"]
    assert max(first["Values"]) > 40 > min(first["Values"]), "busy evenings, quiet nights"


def test_minutes_are_kept_for_fifteen_days_only(estate: Estate) -> None:
    old = datetime.now(UTC) - timedelta(days=20)
    minutes, fives = (metric("AWS/RDS", "CPUUtilization", DATABASE, period=period, id_=f"m{period}") for period in (60, 300))
    by_minute, by_five = asked(estate, minutes, fives, back=timedelta(hours=2), until=old)
    assert by_minute["Values"] == []
    assert len(by_five["Values"]) in (24, 25)


def test_what_goes_wrong_behind_a_metric_shows_in_it(estate: Estate) -> None:
    link = network.links()["DLM-Ml"]
    one = metric("AWS/VPN", "TunnelState", {"TunnelIpAddress": link.tunnels_seen[0].address}, stat="Minimum", id_="one")
    other = metric("AWS/VPN", "TunnelState", {"TunnelIpAddress": link.tunnels_seen[1].address}, id_="other")
    both = metric("AWS/VPN", "TunnelState", {"VpnId": link.id}, stat="Minimum", id_="both")
    estate.aws.recorder.record()
    assert [result["Values"][-1] for result in asked(estate, one, other, both, back=timedelta(minutes=2))] == [1, 1, 1]
    network.set_tunnel("DLM-Ml", 1, network.DOWN, datetime.now(UTC))
    try:
        estate.aws.recorder.record()
        down, up, worst = asked(estate, one, other, both, back=timedelta(minutes=2))
        assert (min(down["Values"]), up["Values"][-1], min(worst["Values"])) == (0, 1, 0)
    finally:
        network.set_tunnel("DLM-Ml", 1, network.UP, datetime.now(UTC))


@pytest.mark.parametrize(
    "expression, value",
    [
        ("cpu * 2", 80.0),
        ("100 * (cpu + other) / 200", 30.0),
        ("SUM([cpu, other])", 60.0),
        ("MAX(METRICS())", 40.0),
        ("FILL(gone, 7)", 7.0),
        ("IF(cpu > 30, 1, 0)", 1.0),
        ("-cpu", -40.0),
    ],
)
def test_expressions_are_evaluated(estate: Estate, expression: str, value: float) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    for name, number in (("Cpu", 40.0), ("Other", 20.0)):
        cloudwatch.backend().record("Test", name, {}, start, number)
    queries = [metric("Test", name, {}, id_=name.lower()) | {"ReturnData": False} for name in ("Cpu", "Other", "Gone")]
    (result,) = asked(estate, *queries, {"Id": "e1", "Expression": expression}, back=timedelta(minutes=20))
    assert result["Values"] == [value]
    assert result["Label"] == "e1"


@pytest.mark.parametrize("expression", ["cpu +", "nobody * 2", "ANOMALY_DETECTION_BAND(cpu)", "__import__('os')", "[cpu]", "cpu.real"])
def test_what_is_no_expression_is_said_of_that_one_alone(estate: Estate, expression: str) -> None:
    cpu = metric("AWS/RDS", "CPUUtilization", DATABASE, id_="cpu")
    good, bad = asked(estate, cpu, {"Id": "e1", "Expression": expression}, back=timedelta(minutes=20))
    assert good["Values"]
    assert (bad["Values"], bad["StatusCode"]) == ([], "InternalError")
    assert bad["Messages"][0]["Value"]


def test_too_much_at_once_is_refused(estate: Estate) -> None:
    many = [metric("AWS/RDS", "CPUUtilization", DATABASE, id_=f"m{n}") for n in range(501)]
    window = {"StartTime": datetime.now(UTC) - timedelta(minutes=5), "EndTime": datetime.now(UTC)}
    assert refused(estate.client("cloudwatch").get_metric_data, MetricDataQueries=many, **window)[1] == "ValidationError"
    assert len(estate.client("cloudwatch").get_metric_data(MetricDataQueries=many[:500], **window)["MetricDataResults"]) == 500


def test_the_documents_dashboard_has_its_seven_widgets(estate: Estate) -> None:
    client = estate.client("cloudwatch")
    assert {entry["DashboardName"] for entry in client.list_dashboards()["DashboardEntries"]} == {
        dashboards.PRODUCTION,
        dashboards.TRUE_NAMES,
    }
    body = json.loads(client.get_dashboard(DashboardName=dashboards.PRODUCTION)["DashboardBody"])
    assert [widget["properties"]["title"] for widget in body["widgets"]] == [
        "Environment Health",
        "Application requests stats",
        "LoadAverage5min EC2 instances",
        "RDS instance CPU utilization",
        "Backend latency",
        "CPU usage Redis",
        "Backend request status",
    ]
    client.put_dashboard(DashboardName="mine", DashboardBody=json.dumps({"widgets": []}))
    assert json.loads(client.get_dashboard(DashboardName="mine")["DashboardBody"]) == {"widgets": []}
    client.delete_dashboards(DashboardNames=["mine"])


@pytest.mark.parametrize(
    "namespace, names",
    [
        ("AWS/ElasticBeanstalk", {"EnvironmentHealth", "LoadAverage5min"}),
        ("AWS/ApplicationELB", {"RequestCount", "HTTPCode_Target_3XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count"}),
        ("AWS/ApplicationELB", {"HealthyHostCount", "UnHealthyHostCount", "TargetResponseTime", "ActiveConnectionCount", "ProcessedBytes"}),
        ("AWS/RDS", {"CPUUtilization", "DatabaseConnections"}),
        ("AWS/ElastiCache", {"CPUUtilization", "EngineCPUUtilization"}),
        ("AWS/VPN", {"TunnelState"}),
    ],
)
def test_every_metric_of_the_document_is_listed(estate: Estate, namespace: str, names: set[str]) -> None:
    pages = estate.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    assert names <= {found["MetricName"] for page in pages for found in page["Metrics"]}
