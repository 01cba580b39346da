"""What lets an alarm change at once, though CloudWatch's minutes are real: the last minutes are told to have been otherwise.

Lives here: the state behind the figures is changed, the minutes just gone by are rewritten to agree with it, and the alarms are judged.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws import alarms, topics
from sandbox.aws.inventory import network
from sandbox.aws.metrics import BUSY_CONNECTIONS, BUSY_CPU, PROD_DATABASE
from sandbox.world import Fault, World

MINUTE = timedelta(minutes=1)
ENOUGH = 5  # minutes that are rewritten for an alarm of three
QUIET_CPU, QUIET_CONNECTIONS = 31.0, 44.0
_DATABASE = {"DBInstanceIdentifier": PROD_DATABASE}
# fault, metric, figure while it lasts, figure when it is over
KINDS = {
    "cpu": ("database-busy", "CPUUtilization", BUSY_CPU, QUIET_CPU),
    "connections": ("database-connections", "DatabaseConnections", BUSY_CONNECTIONS, QUIET_CONNECTIONS),
}


def database(world: World, kind: str) -> None:
    """Production's database has been busy for some minutes, and stays so. Raises KeyError."""
    fault, metric, busy, _ = KINDS[kind]
    if not any(each.kind == fault for each in world.faults.listed()):
        world.faults.add(Fault(fault, "", -1))
    _rewrite("AWS/RDS", metric, _DATABASE, ENOUGH, busy)


def calm(world: World, kind: str) -> None:
    """It has been quiet for some minutes again. Raises KeyError."""
    fault, metric, _, quiet = KINDS[kind]
    world.faults.clear(fault)
    _rewrite("AWS/RDS", metric, _DATABASE, ENOUGH, quiet)


def tunnel(link: str, numbers: list[int], *, up: bool, minutes: int) -> None:
    """Tunnels of one link, since so many minutes. Raises KeyError and IndexError."""
    since = datetime.now(UTC) - minutes * MINUTE
    connection = network.links()[link]
    for number in numbers:
        seen = connection.tunnels_seen[number - 1]
        network.set_tunnel(link, number, network.UP if up else network.DOWN, since)
        _rewrite("AWS/VPN", "TunnelState", {"TunnelIpAddress": seen.address}, minutes, float(up))
    if len(numbers) == len(connection.tunnels_seen):
        _rewrite("AWS/VPN", "TunnelState", {"VpnId": connection.id}, minutes, float(up))


def lasted(world: World, namespace: str, metric: str, dimensions: dict[str, str], minutes: int) -> float:
    """What the estate says of itself at this moment has been so for so many minutes; the figure. Raises KeyError where there is no such."""
    world.aws.recorder.record()
    value = alarms.backend().newest(namespace, metric, dimensions)
    _rewrite(namespace, metric, dimensions, minutes, value)
    return value


def _rewrite(namespace: str, metric: str, dimensions: dict[str, str], minutes: int, value: float) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - minutes * MINUTE
    alarms.backend().rewrite(namespace, metric, dimensions, start, value, 60)
    alarms.backend().evaluate()


def forged(kind: str) -> int:
    """Sends a message that nobody should believe; says to how many. Raises KeyError, and LookupError where nothing was sent yet."""
    message = topics.last_posted()
    if message is None:
        raise LookupError("No notification has gone out yet.")
    spoil: dict[str, dict[str, Any]] = {
        "unsigned": {"Signature": "", "MessageId": "00000000-0000-4000-8000-000000000000"},
        "changed": {"Message": message["Message"].replace("ALARM", "OK")},
        "replayed": {},
        "other-topic": {"TopicArn": message["TopicArn"] + "-of-somebody-else"},
        "other-certificate": {"SigningCertURL": "https://sns.eu-west-3.amazonaws.com.example.org/cert.pem"},
    }
    return topics.send_raw(message | spoil[kind])
