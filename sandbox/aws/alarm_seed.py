"""The alarms of the hand-over document, and their month: what CloudWatch would have noted, found by judging the month's figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws import alarms, topics
from sandbox.aws.alarm_rules import OK
from sandbox.aws.inventory import network
from sandbox.aws.metrics import PROD_DATABASE
from sandbox.aws.month import Incidents
from sandbox.aws.past import Incident, Past
from sandbox.world import PROD_FRONT

CPU, CONNECTIONS, HEALTH = "DB CPU Prod", "awsrds-client-magento-prod-High-DB-Connections", "Prod eb health"
TUNNELS = {f"{name} VPN status": name for name in ("DLM-Lan", "DLM-Ml", "DLM-Cetsi")}
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=40)  # around an incident, in which a state may change
TUNED = timedelta(days=12, hours=3)  # before the start: when a threshold was changed after an incident


def put() -> None:
    database = {"Namespace": "AWS/RDS", "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": PROD_DATABASE}], "Period": 60}
    _put(CPU, 70, **database, MetricName="CPUUtilization", AlarmDescription="CPU of the production database above 70 %")
    _put(CONNECTIONS, 100, **database, MetricName="DatabaseConnections", AlarmDescription="Connections to the production database")
    of = {"Dimensions": [{"Name": "EnvironmentName", "Value": PROD_FRONT}], "Period": 300, "Statistic": "Maximum"}
    _put(HEALTH, 0, Namespace="AWS/ElasticBeanstalk", MetricName="EnvironmentHealth", AlarmDescription="Beanstalk health above Ok", **of)
    for name, link in TUNNELS.items():
        on: dict[str, Any] = {"Dimensions": [{"Name": "VpnId", "Value": network.links()[link].id}], "Period": 300, "Statistic": "Maximum"}
        on |= {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}
        _put(name, 1, Namespace="AWS/VPN", MetricName="TunnelState", AlarmDescription=f"IPSec link {link} down for 15 minutes", **on)


def _put(name: str, threshold: float, **more: Any) -> None:
    asked = {"Statistic": "Average", "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing"} | more
    alarms.backend().put_metric_alarm(
        name=name,
        namespace=asked["Namespace"],
        metric_name=asked["MetricName"],
        comparison_operator=asked["ComparisonOperator"],
        evaluation_periods=3,
        datapoints_to_alarm=3,
        period=asked["Period"],
        threshold=float(threshold),
        statistic=asked["Statistic"],
        description=asked["AlarmDescription"],
        dimensions=asked["Dimensions"],
        alarm_actions=[topics.ALARM_TOPIC],
        ok_actions=[topics.ALARM_TOPIC],
        treat_missing_data=asked["TreatMissingData"],
    )


def remember(past: Past, happened: Incidents) -> None:
    """Notes what the figures of the month say, as if each minute had been judged."""
    store = alarms.backend()
    start = datetime.fromtimestamp(past.begin, UTC)
    store.history.clear()
    links = {name: network.links()[link] for name, link in TUNNELS.items()}
    struck: dict[str, list[Incident]] = {CPU: [*happened.cpu], CONNECTIONS: [*happened.connections], HEALTH: [*happened.health]}
    struck |= {name: [i for t in link.tunnels_seen for i in happened.tunnels[t.address]] for name, link in links.items()}
    for name, incidents in struck.items():
        alarm = store.alarms[name]
        alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp = OK, "Unchecked: Initial alarm creation", start
        alarm.configuration_updated_timestamp = start
        for moment in _minutes(incidents):
            verdict, _ = store.judged(alarm, moment)
            if verdict.state != alarm.state_value:
                store.evaluate_one(alarm, moment, act=False)
    _tuned(datetime.fromtimestamp(past.end, UTC) - TUNED)
    store.history.sort(key=lambda item: item.at)


def _minutes(incidents: Iterable[Incident]) -> list[datetime]:
    moments = set()
    for incident in incidents:
        first, last = (datetime.fromtimestamp(at, UTC) for at in (incident.began, incident.ended))
        moment = first - BEFORE
        while moment <= last + AFTER:
            moments.add(moment.replace(second=17, microsecond=231000))
            moment += timedelta(minutes=1)
    return sorted(moments)


def _tuned(at: datetime) -> None:
    """The threshold of the connections was 120 once."""
    store = alarms.backend()
    alarm = store.alarms[CONNECTIONS]
    now = alarms.described(alarm)
    store.note_update(alarm, now | {"threshold": 120.0}, at)
    alarm.configuration_updated_timestamp = at
