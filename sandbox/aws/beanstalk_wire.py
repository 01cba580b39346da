"""Beanstalk's wire: moto's response class, filled with the operations that moto lacks.

Lives here: reading parameters and shaping answers, one method an operation (moto finds them by name). Decisions stand in `beanstalk`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from moto.core.responses import ActionResult, EmptyResult
from moto.elasticbeanstalk import responses, urls

from sandbox.aws import texts
from sandbox.aws.beanstalk import BadCombination, Beanstalk, Refused
from sandbox.aws.beanstalk_health import describe_environment, describe_instance
from sandbox.aws.loadbalancing import balancer_arn
from sandbox.aws.state import STACKS, Environment, Event, Version, settings_of
from sandbox.world import ACCOUNT, APPLICATION, REGION

Item = TypeVar("Item")
PLACEHOLDER = "request-id"  # what moto's serializer writes where the id of the request belongs


class BeanstalkResponse(responses.EBResponse):
    beanstalk: ClassVar[Beanstalk]

    @staticmethod
    def _enrich_response(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
        """Moto's own replaces everything between the first and the last RequestId, which breaks answers whose members have one."""
        if "status" in headers:
            headers["status"] = str(headers["status"])
        request_id = headers.setdefault("x-amzn-requestid", str(uuid4()))
        return headers, body.replace(f"<RequestId>{PLACEHOLDER}</RequestId>", f"<RequestId>{request_id}</RequestId>")

    # Looking.

    def describe_applications(self) -> ActionResult:
        wanted = self._get_param("ApplicationNames", [])
        application = {
            "ApplicationArn": f"arn:aws:elasticbeanstalk:{REGION}:{ACCOUNT}:application/{APPLICATION}",
            "ApplicationName": APPLICATION,
            "Versions": list(self.beanstalk.ledger.versions),
        }
        return ActionResult({"Applications": [application] if not wanted or APPLICATION in wanted else []})

    def describe_environments(self) -> ActionResult:
        with self.beanstalk.ledger.lock:
            found = self.beanstalk.environments(
                application=self._get_param("ApplicationName"),
                label=self._get_param("VersionLabel"),
                names=self._get_param("EnvironmentNames", []),
                ids=self._get_param("EnvironmentIds", []),
            )
            page, token = self._page(found, self._get_param("MaxRecords"))
            return ActionResult({"Environments": [self._environment(environment) for environment in page], "NextToken": token})

    def describe_events(self) -> ActionResult:
        beanstalk = self.beanstalk
        name = self._get_param("EnvironmentName")
        if identity := self._get_param("EnvironmentId"):
            name = beanstalk.environment(id=identity).name
        if self._get_param("ApplicationName") not in (None, APPLICATION):
            return ActionResult({"Events": []})
        events = beanstalk.events(
            environment=name,
            label=self._get_param("VersionLabel"),
            request_id=self._get_param("RequestId"),
            severity=self._get_param("Severity"),
            start=_utc(self._get_param("StartTime")),
            end=_utc(self._get_param("EndTime")),
        )
        page, token = self._page(events, self._get_param("MaxRecords"), most=1000)
        return ActionResult({"Events": [_event(event) for event in page], "NextToken": token})

    def describe_environment_resources(self) -> ActionResult:
        environment = self._named()
        resources = {
            "EnvironmentName": environment.name,
            "AutoScalingGroups": [{"Name": f"awseb-{environment.id}-stack-AWSEBAutoScalingGroup"}],
            "Instances": [{"Id": instance.id} for instance in environment.instances],
            "LaunchConfigurations": [],
            "LaunchTemplates": [],
            "LoadBalancers": [{"Name": balancer_arn(environment.balancer)}],
            "Triggers": [],
            "Queues": [],
        }
        return ActionResult({"EnvironmentResources": resources})

    def describe_environment_health(self) -> ActionResult:
        environment = self._named()
        return ActionResult(describe_environment(self.beanstalk, environment, self._get_param("AttributeNames", [])))

    def describe_instances_health(self) -> ActionResult:
        environment, wanted = self._named(), self._get_param("AttributeNames", [])
        page, token = self._page(environment.instances, None, most=100)
        described = [describe_instance(self.beanstalk, environment, instance, wanted) for instance in page]
        return ActionResult({"InstanceHealthList": described, "RefreshedAt": self.beanstalk.ledger.world.clock.now(), "NextToken": token})

    def describe_configuration_settings(self) -> ActionResult:
        self._known_application()
        environment = self._named()
        entries = [self._settings(environment, environment.settings, "deployed")]
        if environment.pending_settings is not None:
            entries.append(self._settings(environment, environment.pending_settings, "pending"))
        return ActionResult({"ConfigurationSettings": entries})

    def validate_configuration_settings(self) -> ActionResult:
        self._known_application()
        known = self.beanstalk.environment(name=self._get_param("EnvironmentName")).settings if self._get_param("EnvironmentName") else None
        messages = [
            {
                "Message": f"Invalid option specification (Namespace: '{setting['Namespace']}', OptionName: '{setting['OptionName']}'): "
                "Unknown configuration setting.",
                "Severity": "error",
                "Namespace": setting["Namespace"],
                "OptionName": setting["OptionName"],
            }
            for setting in self._get_param("OptionSettings", [])
            if known is not None and setting["OptionName"] not in known.get(setting["Namespace"], {})
        ]
        return ActionResult({"Messages": messages})

    def describe_application_versions(self) -> ActionResult:
        labels = self._get_param("VersionLabels", [])
        if self._get_param("ApplicationName") not in (None, APPLICATION):
            return ActionResult({"ApplicationVersions": []})
        versions = sorted(self.beanstalk.ledger.versions.values(), key=lambda version: version.created, reverse=True)
        found = [version for version in versions if not labels or version.label in labels]
        page, token = self._page(found, self._get_param("MaxRecords"), most=1000)
        return ActionResult({"ApplicationVersions": [_version(version) for version in page], "NextToken": token})

    def retrieve_environment_info(self) -> ActionResult:
        environment, kind = self._named(), self._get_param("InfoType")
        samples = self.beanstalk.logs.samples(environment, kind)
        entries = [
            {"InfoType": kind, "Ec2InstanceId": sample.instance_id, "SampleTimestamp": sample.taken, "Message": address}
            for sample, address in samples
        ]
        return ActionResult({"EnvironmentInfo": entries})

    # Changing.

    def create_application_version(self) -> ActionResult:
        source = self._get_param("SourceBundle", {})
        version = self.beanstalk.create_version(
            self._get_param("ApplicationName"),
            self._get_param("VersionLabel"),
            self._get_param("Description", ""),
            source.get("S3Bucket", ""),
            source.get("S3Key", ""),
        )
        return ActionResult({"ApplicationVersion": _version(version)})

    def update_environment(self) -> ActionResult:
        environment = self._named()
        label, options = self._get_param("VersionLabel"), self._get_param("OptionSettings", [])
        if label and options:
            raise BadCombination("A version label and option settings cannot be updated in one call.")
        if label:
            operation = self.beanstalk.update_version(environment, label)
        else:
            changes: dict[str, dict[str, str]] = {}
            for option in options:
                changes.setdefault(option["Namespace"], {})[option["OptionName"]] = option["Value"]
            operation = self.beanstalk.update_settings(environment, changes)
        self.response_headers["x-amzn-requestid"] = operation.request_id
        described = self._environment(environment) | {"Health": "Grey", "AbortableOperationInProgress": True}
        described.pop("HealthStatus")
        return ActionResult(described)

    def abort_environment_update(self) -> ActionResult:
        self.beanstalk.abort(self._named())
        return EmptyResult()

    def restart_app_server(self) -> ActionResult:
        self.beanstalk.restart(self._named())
        return EmptyResult()

    def request_environment_info(self) -> ActionResult:
        environment = self._named()
        kind = self._get_param("InfoType")
        if kind not in ("tail", "bundle"):
            raise Refused(f"Value '{kind}' at 'infoType' failed to satisfy constraint: Member must satisfy enum value set: [bundle, tail]")
        self.beanstalk.request_logs(environment, kind)
        return EmptyResult()

    # Shapes and small things.

    def _named(self) -> Environment:
        return self.beanstalk.environment(name=self._get_param("EnvironmentName"), id=self._get_param("EnvironmentId"))

    def _known_application(self) -> None:
        if self._get_param("ApplicationName") != APPLICATION:
            raise Refused(texts.no_application(self._get_param("ApplicationName")))

    def _page(self, items: Sequence[Item], size: int | None, *, most: int = 1000) -> tuple[Sequence[Item], str | None]:
        """The page that NextToken asks for, and the token of the next one."""
        size = min(size or most, most)
        token = self._get_param("NextToken")
        try:
            start = int(base64.urlsafe_b64decode(token)) if token else 0
        except ValueError:
            raise Refused("NextToken is not valid.") from None
        more = start + size < len(items)
        return items[start : start + size], base64.urlsafe_b64encode(str(start + size).encode()).decode() if more else None

    def _environment(self, environment: Environment) -> dict[str, Any]:
        verdict = self.beanstalk.doctor.of_environment(environment)
        operation = environment.running
        stack = STACKS[environment.instances[0].host.platform]
        return {
            "EnvironmentName": environment.name,
            "EnvironmentId": environment.id,
            "ApplicationName": APPLICATION,
            "VersionLabel": environment.label,
            "SolutionStackName": stack,
            "PlatformArn": f"arn:aws:elasticbeanstalk:{REGION}::platform/{stack.partition(' running ')[2]} running on {stack}",
            "Description": environment.description,
            "EndpointURL": f"{environment.balancer}-1.{REGION}.elb.amazonaws.com",
            "CNAME": f"{environment.name}.{REGION}.elasticbeanstalk.com",
            "DateCreated": environment.created,
            "DateUpdated": environment.updated,
            "Status": environment.status,
            "AbortableOperationInProgress": operation is not None and operation.abortable,
            "Health": verdict.colour,
            "HealthStatus": verdict.status,
            "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
            "EnvironmentLinks": [],
            "EnvironmentArn": environment.arn,
        }

    def _settings(self, environment: Environment, values: dict[str, dict[str, str]], status: str) -> dict[str, Any]:
        return {
            "SolutionStackName": STACKS[environment.instances[0].host.platform],
            "ApplicationName": APPLICATION,
            "EnvironmentName": environment.name,
            "Description": environment.description,
            "DeploymentStatus": status,
            "DateCreated": environment.created,
            "DateUpdated": environment.updated,
            "OptionSettings": settings_of(values),
        }


def _event(event: Event) -> dict[str, Any]:
    described: dict[str, Any] = {
        "EventDate": event.date,
        "Message": event.message,
        "ApplicationName": APPLICATION,
        "EnvironmentName": event.environment,
        "VersionLabel": event.version_label,
        "RequestId": event.request_id,
        "Severity": event.severity,
    }
    return {name: value for name, value in described.items() if value}


def _version(version: Version) -> dict[str, Any]:
    return {
        "ApplicationVersionArn": f"arn:aws:elasticbeanstalk:{REGION}:{ACCOUNT}:applicationversion/{APPLICATION}/{version.label}",
        "ApplicationName": APPLICATION,
        "Description": version.description,
        "VersionLabel": version.label,
        "SourceBundle": {"S3Bucket": version.bucket, "S3Key": version.key},
        "DateCreated": version.created,
        "DateUpdated": version.created,
        "Status": "Unprocessed",
    }


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def install(beanstalk: Beanstalk) -> None:
    """Puts this class in the place of moto's; before the first request."""
    BeanstalkResponse.beanstalk = beanstalk
    urls.url_paths["{0}/$"] = BeanstalkResponse.dispatch
