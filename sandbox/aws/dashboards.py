"""The production dashboard of the hand-over document, as CloudWatch keeps it: the seven widgets, under the names that the document uses.

The document's names of load balancer metrics are those of Classic load balancers (AWS/ELB); what they are called on an Application Load
Balancer is for whoever draws them to know. Besides, the same at a glance under the true names, with annotations and an expression.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.aws import cloudwatch, loadbalancing
from sandbox.aws.metrics import CACHES, PROD_DATABASE
from sandbox.aws.seed import PROD_BALANCER
from sandbox.world import PROD_BACK, PROD_FRONT, REGION

PRODUCTION, TRUE_NAMES = "client-magento-production", "client-magento-alb"
Widget = dict[str, Any]


def put(instances: list[str]) -> None:
    """`instances` are the ids of production's front end."""
    backend = cloudwatch.backend()
    backend.put_dashboard(PRODUCTION, json.dumps({"widgets": _of_the_document(instances)}))
    backend.put_dashboard(TRUE_NAMES, json.dumps({"widgets": _under_true_names()}))


def _of_the_document(instances: list[str]) -> list[Widget]:
    classic = ("AWS/ELB", "LoadBalancerName", PROD_BALANCER)
    stats: tuple[tuple[str, str], ...] = (
        ("RequestCount", "Sum"),
        ("HTTPCode_Backend_5XX", "Sum"),
        ("HealthyHostCount", "Average"),
        ("UnHealthyHostCount", "Average"),
    )
    stats += (("Latency", "Average"), ("EstimatedALBActiveConnectionCount", "Average"), ("EstimatedProcessedBytes", "Sum"))
    health = [["AWS/ElasticBeanstalk", "EnvironmentHealth", "EnvironmentName", PROD_FRONT]]
    requests = [[classic[0], name, *classic[1:], {"stat": stat}] for name, stat in stats]
    loads = [["AWS/ElasticBeanstalk", "LoadAverage5min", "InstanceId", id_, "EnvironmentName", PROD_FRONT] for id_ in instances]
    cpu = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", PROD_DATABASE]]
    statuses = [[classic[0], f"HTTPCode_Backend_{class_}XX", *classic[1:]] for class_ in (3, 4, 5)]
    redis = [["AWS/ElastiCache", "CPUUtilization", "CacheClusterId", name] for name in CACHES if "-prod-" in name]
    seventy: Widget = {"annotations": {"horizontal": [{"label": "DB CPU Prod", "value": 70}]}, "yAxis": {"left": {"min": 0, "max": 100}}}
    return [
        _metric(0, 0, 6, "Environment Health", health, view="singleValue", stat="Maximum", period=60),
        _metric(6, 0, 18, "Application requests stats", requests, view="singleValue", period=3600),
        _metric(0, 6, 12, "LoadAverage5min EC2 instances", loads, stat="Average", period=60),
        _metric(12, 6, 12, "RDS instance CPU utilization", cpu, stat="Average", period=60, **seventy),
        _metric(0, 12, 8, "Backend latency", [[classic[0], "Latency", *classic[1:]]], stat="Average", period=60),
        _metric(8, 12, 8, "CPU usage Redis", redis, stat="Average", period=60),
        _metric(16, 12, 8, "Backend request status", statuses, stat="Sum", period=60, stacked=True, start="-PT1H"),
    ]


def _under_true_names() -> list[Widget]:
    balancer = loadbalancing.balancer_arn(PROD_BALANCER).partition(":loadbalancer/")[2]
    groups = {name: loadbalancing.group_named(name).arn.rpartition(":")[2] for name in (PROD_FRONT, PROD_BACK)}
    of: list[Any] = ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", balancer]
    failing = [
        [*of, {"id": "all", "visible": False}],
        [".", "HTTPCode_Target_5XX_Count", ".", ".", {"id": "failed", "visible": False}],
        [{"expression": "100 * FILL(failed, 0) / all", "label": "5xx, percent of requests", "id": "share"}],
    ]
    healthy: list[list[Any]] = [
        ["AWS/ApplicationELB", "HealthyHostCount", "TargetGroup", group, "LoadBalancer", balancer] for group in groups.values()
    ]
    latency: list[list[Any]] = [
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", balancer, {"stat": "p95"}],
        ["...", {"stat": "Average"}],
    ]
    text = {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2}
    return [
        text | {"properties": {"markdown": "# Load balancer of production\nThe figures behind the [alarms](https://www.client.url/)."}},
        _metric(0, 2, 8, "Failing requests", failing, stat="Sum", period=300, yAxis={"left": {"min": 0, "label": "percent"}}),
        _metric(8, 2, 8, "Hosts in service", healthy, stat="Minimum", period=60, yAxis={"left": {"min": 0, "max": 5}}, view="bar"),
        _metric(16, 2, 8, "Time to answer", latency, period=60),
    ]


def _metric(x: int, y: int, width: int, title: str, metrics: list[list[Any]], **properties: Any) -> Widget:
    shown = {"region": REGION, "title": title, "metrics": metrics, "view": "timeSeries", "stacked": False} | properties
    return {"type": "metric", "x": x, "y": y, "width": width, "height": 6, "properties": shown}
