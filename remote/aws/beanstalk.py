"""Elastic Beanstalk: environments, versions, events, health, logs. Limits: two describe calls a second an account, shared by all.

What these facts mean for a release lives in `deployments` and `estate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from remote.aws.session import Patience, ask, ask_all, tell
from remote.errors import NotFound

_SERVICE = "elasticbeanstalk"


@dataclass(frozen=True, slots=True)
class Environment:
    """`health` is the colour, `health_status` the word of enhanced health. While it is updated, `version` is already the new label."""

    id: str
    name: str
    application: str
    version: str
    status: str
    health: str
    health_status: str
    abortable: bool
    updated: datetime | None
    cname: str
    platform: str
    description: str = ""

    @property
    def is_ready(self) -> bool:
        return self.status == "Ready"


@dataclass(frozen=True, slots=True)
class Event:
    """Events of one operation share a `request_id`; transitions of health have none."""

    at: datetime
    severity: str
    message: str
    environment: str
    version: str
    request_id: str


@dataclass(frozen=True, slots=True)
class InstanceHealth:
    """What the agent on one instance reports, every ten seconds. `deployment_status`: In Progress, Deployed or Failed."""

    instance_id: str
    status: str
    color: str
    causes: tuple[str, ...]
    version: str
    deployment_id: int
    deployment_status: str
    deployed_at: datetime | None
    launched_at: datetime | None
    zone: str
    load: tuple[float, ...]  # over 1, 5 and 15 minutes


@dataclass(frozen=True, slots=True)
class EnvironmentHealth:
    """`requests` are counts over the last `seconds`, by class of answer: {"2xx": 45, …}. `p90` is in seconds."""

    status: str
    health_status: str
    color: str
    causes: tuple[str, ...]
    refreshed: datetime | None
    instances: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    p90: float | None = None


@dataclass(frozen=True, slots=True)
class Version:
    application: str
    label: str
    bucket: str
    key: str
    description: str
    status: str
    created: datetime | None


@dataclass(frozen=True, slots=True)
class InstanceLog:
    """`url` is signed, readable for 15 minutes, and belongs into no log."""

    instance_id: str
    at: datetime
    url: str


def environments(application: str = "", *, patience: Patience | None = None) -> list[Environment]:
    """All of them in one call, by name; those of every application where none is named."""
    of = {"ApplicationName": application} if application else {}
    found = ask_all(_SERVICE, "describe_environments", "Environments", patience=patience, IncludeDeleted=False, **of)
    return sorted((_environment(each) for each in found), key=lambda each: each.name)


def environment(name: str, *, patience: Patience | None = None) -> Environment:
    """Raises NotFound."""
    found = ask(_SERVICE, "describe_environments", patience=patience, EnvironmentNames=[name], IncludeDeleted=False)["Environments"]
    if not found:
        raise NotFound(f"Beanstalk has no environment named {name}", "Check the name and the region in estate.yaml.")
    return _environment(found[0])


def events(application: str, since: datetime, environment: str = "", *, patience: Patience | None = None) -> list[Event]:
    """From `since` on (inclusive), oldest first, each once. Beanstalk keeps six weeks."""
    asked: dict[str, Any] = {"ApplicationName": application, "StartTime": since}
    if environment:
        asked["EnvironmentName"] = environment
    # Newest first on the wire: events of the same moment keep the order in which they were written when the list is turned round.
    found = [_event(each) for each in ask_all(_SERVICE, "describe_events", "Events", patience=patience, **asked)]
    return sorted(dict.fromkeys(reversed(found)), key=lambda each: each.at)


def instance_health(environment: str, *, patience: Patience | None = None) -> list[InstanceHealth]:
    """Raises Refused where the environment has only basic health."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:  # botocore has no paginator for this one
        page = ask(_SERVICE, "describe_instances_health", patience=patience, EnvironmentName=environment, AttributeNames=["All"], **token)
        found += page.get("InstanceHealthList", ())
        if not page.get("NextToken"):
            return [_instance_health(each) for each in found]
        token = {"NextToken": page["NextToken"]}


def environment_health(environment: str, *, patience: Patience | None = None) -> EnvironmentHealth:
    """Raises Refused where the environment has only basic health."""
    answer = ask(_SERVICE, "describe_environment_health", patience=patience, EnvironmentName=environment, AttributeNames=["All"])
    metrics = answer.get("ApplicationMetrics", {})
    return EnvironmentHealth(
        status=answer.get("Status", ""),
        health_status=answer.get("HealthStatus", ""),
        color=answer.get("Color", ""),
        causes=tuple(answer.get("Causes", ())),
        refreshed=answer.get("RefreshedAt"),
        instances=dict(answer.get("InstancesHealth", {})),
        requests={name.removeprefix("Status"): count for name, count in metrics.get("StatusCodes", {}).items()},
        seconds=metrics.get("Duration", 0),
        p90=metrics.get("Latency", {}).get("P90"),
    )


def option_settings(application: str, environment: str, *, patience: Patience | None = None) -> dict[tuple[str, str], str]:
    """(namespace, option) → value, as deployed now; an update on its way is a second configuration, not shown."""
    answer = ask(_SERVICE, "describe_configuration_settings", patience=patience, ApplicationName=application, EnvironmentName=environment)
    for settings in answer["ConfigurationSettings"]:
        if settings.get("DeploymentStatus", "deployed") == "deployed":
            return {(each["Namespace"], each["OptionName"]): each.get("Value", "") for each in settings["OptionSettings"]}
    raise NotFound(f"Beanstalk shows no deployed configuration of {environment}", "Wait for its update to end, then look again.")


def version(application: str, label: str, *, patience: Patience | None = None) -> Version | None:
    """None where no version has that label."""
    answer = ask(_SERVICE, "describe_application_versions", patience=patience, ApplicationName=application, VersionLabels=[label])
    return next((_version(each) for each in answer["ApplicationVersions"]), None)


def versions(application: str, *, patience: Patience | None = None) -> list[Version]:
    """Newest first."""
    found = ask_all(_SERVICE, "describe_application_versions", "ApplicationVersions", patience=patience, ApplicationName=application)
    return sorted((_version(each) for each in found), key=lambda each: each.created.timestamp() if each.created else 0.0, reverse=True)


def create_version(
    application: str, label: str, bucket: str, key: str, description: str = "", *, patience: Patience | None = None
) -> Version:
    """Raises AlreadyExists where the label is taken."""
    answer = tell(
        _SERVICE,
        "create_application_version",
        patience=patience,
        ApplicationName=application,
        VersionLabel=label,
        Description=description[:200],
        SourceBundle={"S3Bucket": bucket, "S3Key": key},
        Process=False,
        AutoCreateApplication=False,
    )
    return _version(answer["ApplicationVersion"])


def update(environment: str, label: str, description: str = "", *, patience: Patience | None = None) -> Environment:
    """Starts the deployment of `label`. Raises Busy where the environment is not Ready, NotFound where label or environment is unknown."""
    described = {"Description": description[:200]} if description else {}
    answer = tell(_SERVICE, "update_environment", patience=patience, EnvironmentName=environment, VersionLabel=label, **described)
    return _environment(answer)


def configure(environment: str, options: Mapping[tuple[str, str], str], *, patience: Patience | None = None) -> None:
    """Changes options, (namespace, option) → value: an update of the environment of its own. Raises Busy where it is not Ready."""
    settings = [{"Namespace": namespace, "OptionName": option, "Value": value} for (namespace, option), value in options.items()]
    tell(_SERVICE, "update_environment", patience=patience, EnvironmentName=environment, OptionSettings=settings)


def abort(environment: str, *, patience: Patience | None = None) -> None:
    """Stops a deployment after the running batch; the mixture of versions stays. Raises Refused where nothing is under way."""
    tell(_SERVICE, "abort_environment_update", patience=patience, EnvironmentName=environment)


def restart(environment: str, *, patience: Patience | None = None) -> None:
    """Restarts the web servers of all its instances. Raises Busy where the environment is not Ready."""
    tell(_SERVICE, "restart_app_server", patience=patience, EnvironmentName=environment)


def request_logs(environment: str, kind: Literal["tail", "bundle"] = "tail", *, patience: Patience | None = None) -> None:
    """Asks every instance for its logs; `retrieve_logs` has them some seconds later. Raises Busy while the environment is updated."""
    tell(_SERVICE, "request_environment_info", patience=patience, EnvironmentName=environment, InfoType=kind)


def retrieve_logs(environment: str, kind: Literal["tail", "bundle"] = "tail", *, patience: Patience | None = None) -> list[InstanceLog]:
    """The newest of each instance; empty until the first has arrived."""
    answer = ask(_SERVICE, "retrieve_environment_info", patience=patience, EnvironmentName=environment, InfoType=kind)
    logs = [InstanceLog(each["Ec2InstanceId"], each["SampleTimestamp"], each["Message"]) for each in answer.get("EnvironmentInfo", ())]
    newest = {log.instance_id: log for log in sorted(logs, key=lambda log: log.at)}
    return sorted(newest.values(), key=lambda log: log.instance_id)


def _environment(raw: dict[str, Any]) -> Environment:
    return Environment(
        id=raw.get("EnvironmentId", ""),
        name=raw["EnvironmentName"],
        application=raw.get("ApplicationName", ""),
        version=raw.get("VersionLabel", ""),
        status=raw.get("Status", ""),
        health=raw.get("Health", ""),
        health_status=raw.get("HealthStatus", ""),
        abortable=bool(raw.get("AbortableOperationInProgress", False)),
        updated=raw.get("DateUpdated"),
        cname=raw.get("CNAME", ""),
        platform=raw.get("SolutionStackName", "") or raw.get("PlatformArn", ""),
        description=raw.get("Description", ""),
    )


def _event(raw: dict[str, Any]) -> Event:
    return Event(
        at=raw["EventDate"],
        severity=raw.get("Severity", ""),
        message=raw.get("Message", ""),
        environment=raw.get("EnvironmentName", ""),
        version=raw.get("VersionLabel", ""),
        request_id=raw.get("RequestId", ""),
    )


def _instance_health(raw: dict[str, Any]) -> InstanceHealth:
    deployment = raw.get("Deployment", {})
    return InstanceHealth(
        instance_id=raw["InstanceId"],
        status=raw.get("HealthStatus", ""),
        color=raw.get("Color", ""),
        causes=tuple(raw.get("Causes", ())),
        version=deployment.get("VersionLabel", ""),
        deployment_id=deployment.get("DeploymentId", 0),
        deployment_status=deployment.get("Status", ""),
        deployed_at=deployment.get("DeploymentTime"),
        launched_at=raw.get("LaunchedAt"),
        zone=raw.get("AvailabilityZone", ""),
        load=tuple(raw.get("System", {}).get("LoadAverage", ())),
    )


def _version(raw: dict[str, Any]) -> Version:
    source = raw.get("SourceBundle", {})
    return Version(
        application=raw.get("ApplicationName", ""),
        label=raw["VersionLabel"],
        bucket=source.get("S3Bucket", ""),
        key=source.get("S3Key", ""),
        description=raw.get("Description", ""),
        status=raw.get("Status", ""),
        created=raw.get("DateCreated"),
    )
