"""What Beanstalk knows of the estate: environments, instances, versions, events.

Lives here: the values and the little that keeps them consistent. What happens to them stands in `beanstalk` (what can be asked for),
`rolling` (a deployment) and `health` (what follows from the hosts). Kept in memory: a restart of the sandbox starts afresh.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.durations import DURATIONS
from sandbox.world import ACCOUNT, APPLICATION, REGION, Host, World

DEPLOYED, IN_PROGRESS, FAILED = "Deployed", "In Progress", "Failed"
READY, UPDATING, ABORTING = "Ready", "Updating", "Aborting"
SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

# namespace -> option -> value; the production of the hand-over document rolls over one server at a time
SETTINGS = {
    "aws:elasticbeanstalk:command": {
        "DeploymentPolicy": "Rolling",
        "BatchSizeType": "Fixed",
        "BatchSize": "1",
        "Timeout": "600",
        "IgnoreHealthCheck": "false",
    },
    "aws:elasticbeanstalk:environment": {
        "EnvironmentType": "LoadBalanced",
        "LoadBalancerType": "application",
        "LoadBalancerIsShared": "true",
    },
    "aws:elasticbeanstalk:environment:process:default": {
        "HealthCheckPath": "/pub/health_check.php",
        "MatcherHTTPCode": "200",
        "HealthCheckInterval": "15",
        "HealthCheckTimeout": "5",
        "HealthyThresholdCount": "3",
        "UnhealthyThresholdCount": "5",
        "DeregistrationDelay": f"{DURATIONS.drain:g}",
        "Port": "80",
        "Protocol": "HTTP",
    },
    "aws:elasticbeanstalk:healthreporting:system": {"SystemType": "enhanced", "HealthCheckSuccessThreshold": "Ok"},
    "aws:autoscaling:launchconfiguration": {"InstanceType": "c5.xlarge", "IamInstanceProfile": "aws-elasticbeanstalk-ec2-role"},
}
# (namespace, option) -> the most that it may be; the least is 0
LONGEST = {("aws:elasticbeanstalk:environment:process:default", "DeregistrationDelay"): 3600}
STACKS = {
    "al1": "64bit Amazon Linux 2018.03 v2.9.27 running PHP 7.3",
    "al2": "64bit Amazon Linux 2 v3.3.10 running PHP 7.4",
}


@dataclass(frozen=True, slots=True)
class Event:
    date: datetime
    severity: str
    message: str
    environment: str = ""
    version_label: str = ""
    request_id: str = ""  # empty for transitions of health


@dataclass(frozen=True, slots=True)
class Version:
    label: str
    description: str
    bucket: str
    key: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is on an instance, or what should be there."""

    label: str
    id: int
    status: str
    at: datetime


@dataclass(slots=True)
class Instance:
    host: Host
    deployment: Deployment
    launched: datetime
    busy_since: float | None = None  # simulated; while a deployment is on its way here
    settled_at: float | None = None  # simulated; when the last one ended
    took: float = 0  # simulated seconds that it took
    failure: str = ""  # the cause that a failed command leaves behind
    impaired: bool = False  # a fault holds its web server down

    @property
    def id(self) -> str:
        return self.host.instance_id


@dataclass(slots=True)
class Operation:
    """What an environment is doing while it is not Ready; stays as the last one when it has ended."""

    kind: str  # "update", "configuration", "restart"
    request_id: str
    label: str
    began: float  # simulated
    abortable: bool = False
    instances_busy: int = 0
    instances_done: int = 0
    instances_failed: int = 0
    abort: threading.Event = field(default_factory=threading.Event)
    ended: float | None = None  # simulated
    succeeded: bool = False
    took: float = 0  # simulated seconds


@dataclass(slots=True)
class Environment:
    name: str
    id: str
    instances: list[Instance]
    label: str  # what DescribeEnvironments shows
    expected: Deployment  # the last successful one
    created: datetime
    updated: datetime
    balancer: str  # the load balancer's name
    description: str
    settings: dict[str, dict[str, str]]
    pending_settings: dict[str, dict[str, str]] | None = None
    status: str = READY
    operation: Operation | None = None
    announced: str = "Ok"  # the health that the last event told
    quiet: bool = False  # the one who deploys tells the next change of health
    deployments: int = 0  # the highest deployment id so far

    @property
    def arn(self) -> str:
        return f"arn:aws:elasticbeanstalk:{REGION}:{ACCOUNT}:environment/{APPLICATION}/{self.name}"

    def option(self, namespace: str, name: str) -> str:
        return self.settings[f"aws:elasticbeanstalk:{namespace}"][name]

    @property
    def running(self) -> Operation | None:
        return self.operation if self.operation and self.operation.ended is None else None


class Ledger:
    """Everything together, with the one lock. Read and write it under that lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = threading.RLock()
        self.environments: dict[str, Environment] = {}
        self.versions: dict[str, Version] = {}
        self.events: list[Event] = []  # oldest first
        self._ids = random.Random(f"{world.seed}:beanstalk")

    def request_id(self) -> str:
        """A UUID that the same seed repeats."""
        with self.lock:
            digits = f"{self._ids.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))

    def say(self, message: str, severity: str = "INFO", *, environment: str = "", label: str = "", request_id: str = "") -> None:
        with self.lock:
            self.events.append(Event(self.world.clock.now(), severity, message, environment, label, request_id))

    def instance(self, host: str) -> Instance:
        """Raises KeyError where no instance has that host's name."""
        return next(
            instance for environment in self.environments.values() for instance in environment.instances if instance.host.name == host
        )


def ids_of(instances: Sequence[Instance]) -> list[str]:
    return [instance.id for instance in instances]


def settings_of(values: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """The settings in the shape that Beanstalk returns them in, in a fixed order."""
    return [
        {"Namespace": namespace, "OptionName": option, "Value": value}
        for namespace, options in sorted(values.items())
        for option, value in sorted(options.items())
    ]
