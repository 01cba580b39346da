"""The answers of DescribeEnvironmentHealth and DescribeInstancesHealth, made of what `health` finds.

Lives here: shapes and the figures of the machines themselves (load, processor), which follow from what a host is doing.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

from sandbox.aws.beanstalk import Beanstalk
from sandbox.aws.state import Environment, Instance
from sandbox.aws.traffic import Share

REPORTED_EVERY = 10  # seconds, the Duration of ApplicationMetrics


def describe_environment(beanstalk: Beanstalk, environment: Environment, wanted: list[str]) -> dict[str, Any]:
    """Without attribute names, AWS returns the name only."""
    with beanstalk.ledger.lock:
        verdict = beanstalk.doctor.of_environment(environment)
        statuses = Counter(beanstalk.doctor.of_instance(environment, instance).status for instance in environment.instances)
    share = beanstalk.traffic.recent(*(instance.host.name for instance in environment.instances))
    described = {
        "HealthStatus": verdict.status,
        "Status": environment.status,
        "Color": verdict.colour,
        "Causes": list(verdict.causes),
        "ApplicationMetrics": _metrics(share),
        "InstancesHealth": {name: statuses[name] for name in ("Ok", "Info", "Warning", "Degraded", "Severe")}
        | dict.fromkeys(("NoData", "Unknown", "Pending"), 0),
        "RefreshedAt": beanstalk.ledger.world.clock.now(),
    }
    return {"EnvironmentName": environment.name} | _chosen(described, wanted)


def describe_instance(beanstalk: Beanstalk, environment: Environment, instance: Instance, wanted: list[str]) -> dict[str, Any]:
    with beanstalk.ledger.lock:
        verdict = beanstalk.doctor.of_instance(environment, instance)
        deployment = instance.deployment
    described = {
        "HealthStatus": verdict.status,
        "Color": verdict.colour,
        "Causes": list(verdict.causes),
        "LaunchedAt": instance.launched,
        "ApplicationMetrics": _metrics(beanstalk.traffic.recent(instance.host.name)),
        "System": {"CPUUtilization": processor(instance), "LoadAverage": load(instance)},
        "Deployment": {
            "VersionLabel": deployment.label,
            "DeploymentId": deployment.id,
            "Status": deployment.status,
            "DeploymentTime": deployment.at,
        },
        "AvailabilityZone": instance.host.zone,
        "InstanceType": environment.settings["aws:autoscaling:launchconfiguration"]["InstanceType"],
    }
    return {"InstanceId": instance.id} | _chosen(described, wanted)


def load(instance: Instance) -> list[float]:
    """The averages of 1, 5 and 15 minutes: each host has its own, and a deployment is work."""
    own = zlib.crc32(instance.id.encode()) % 40 / 100
    work = 2.4 if instance.busy_since is not None else 0.0
    return [round(0.3 + own + work * weight, 2) for weight in (1.0, 0.5, 0.2)]


def processor(instance: Instance) -> dict[str, float]:
    user = min(95.0, round(8 + 22 * load(instance)[0], 1))
    system = round(user / 6, 1)
    shares = {"User": user, "System": system, "Nice": 0.0, "IOWait": 0.4, "IRQ": 0.0, "SoftIRQ": 0.1}
    return shares | {"Idle": round(max(0.0, 100 - sum(shares.values())), 1)}


def _metrics(share: Share) -> dict[str, Any]:
    """Counts of the last ten seconds, as AWS's own samples have them."""
    factor = REPORTED_EVERY / share.seconds
    counts = {f"Status{class_}xx": round(share.classes[class_] * factor) for class_ in (2, 3, 4, 5)}
    latency = {f"P{digits}": share.percentile(float(f"0.{digits}")) for digits in ("999", "99", "95", "90", "85", "75", "50", "10")}
    return {"Duration": REPORTED_EVERY, "RequestCount": sum(counts.values()), "StatusCodes": counts, "Latency": latency}


def _chosen(described: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name in wanted or "All" in wanted}
