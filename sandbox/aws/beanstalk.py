"""Beanstalk as its API sees it: what may be asked for, and what is refused.

Lives here: one method an operation, in the words of the API but without its wire (`beanstalk_wire` has that). A deployment itself
stands in `rolling`, health in `health`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from moto.core.exceptions import ServiceException

from sandbox.aws import health, rolling, texts
from sandbox.aws.logs import LogRequests
from sandbox.aws.state import LONGEST, READY, SEVERITIES, UPDATING, Environment, Event, Ledger, Operation, Version
from sandbox.aws.storage import Storage
from sandbox.aws.traffic import Traffic
from sandbox.durations import DURATIONS
from sandbox.world import APPLICATION, Host, World


class Deployer(Protocol):
    """Beanstalk's agent on a host: blocks until the commands have ended there."""

    def __call__(self, world: World, host: Host, bundle: bytes, *, label: str, deployment_id: int, leader: bool) -> rolling.Outcome: ...


class Refused(ServiceException):
    code = "InvalidParameterValue"


class BadCombination(ServiceException):
    code = "InvalidParameterCombination"


class Beanstalk:
    """The service of one account and region."""

    def __init__(
        self,
        ledger: Ledger,
        doctor: health.Doctor,
        traffic: Traffic,
        storage: Storage,
        logs: LogRequests,
        balancing: rolling.Balancing,
        deployer: Deployer,
    ) -> None:
        self.ledger, self.doctor, self.traffic, self.storage, self.logs = ledger, doctor, traffic, storage, logs
        self._balancing, self._deployer = balancing, deployer
        self._clock = ledger.world.clock

    # Looking.

    def environment(self, *, name: str | None = None, id: str | None = None) -> Environment:
        found = [e for e in self.ledger.environments.values() if name in (None, e.name) and id in (None, e.id)]
        if not found or not (name or id):
            raise Refused(texts.no_environment(name) if name else texts.no_environment(id or "", "EnvironmentId"))
        return found[0]

    def environments(self, *, application: str | None, label: str | None, names: Iterable[str], ids: Iterable[str]) -> list[Environment]:
        names, ids = set(names), set(ids)
        if application not in (None, APPLICATION):
            return []
        return [
            environment
            for environment in self.ledger.environments.values()
            if label in (None, environment.label) and (not names or environment.name in names) and (not ids or environment.id in ids)
        ]

    def events(
        self,
        *,
        environment: str | None = None,
        label: str | None = None,
        request_id: str | None = None,
        severity: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Event]:
        """Newest first. `start` is inclusive, `end` is not; a severity means that one or a higher one."""
        least = SEVERITIES.index(severity) if severity else 0
        with self.ledger.lock:
            events = list(reversed(self.ledger.events))
        return [
            event
            for event in events
            if environment in (None, event.environment)
            and label in (None, event.version_label)
            and request_id in (None, event.request_id)
            and SEVERITIES.index(event.severity) >= least
            and (start is None or event.date >= start)
            and (end is None or event.date < end)
        ]

    # Changing.

    def create_version(self, application: str, label: str, description: str, bucket: str, key: str) -> Version:
        with self.ledger.lock:
            if application != APPLICATION:
                raise Refused(texts.no_application(application))
            if label in self.ledger.versions:
                raise Refused(f"Application Version {label} already exists.")
            if not bucket or not key:
                raise BadCombination("Both S3 bucket and key must be specified.")
            if not self.storage.has(bucket, key):
                raise Refused(texts.no_bundle(bucket, key))
            version = Version(label, description, bucket, key, self._clock.now())
            request_id = self.ledger.request_id()
            for message in (
                "createApplicationVersion is starting.",
                f"Created new Application Version: {label}",
                "createApplicationVersion completed successfully.",
            ):
                self.ledger.say(message, label=label, request_id=request_id)
            self.ledger.versions[label] = version
            self._accepted("CreateApplicationVersion", application, label)
            return version

    def update_version(self, environment: Environment, label: str) -> Operation:
        """Begins a rolling deployment and returns at once."""
        with self.ledger.lock:
            version = self.ledger.versions.get(label)
            if version is None:
                raise Refused(texts.no_version(label))
            if not self.storage.has(version.bucket, version.key):
                raise Refused(texts.no_bundle(version.bucket, version.key))
            operation = self._begin(environment, "update", label=label, abortable=True)
            environment.label = label
            environment.deployments += 1
            environment.quiet = True
            self._accepted("UpdateEnvironment", environment.name, label)
        number = environment.deployments

        def deploy(host: Host, leader: bool) -> rolling.Outcome:
            bundle = self.storage.read(version.bucket, version.key)
            return self._deployer(self.ledger.world, host, bundle, label=label, deployment_id=number, leader=leader)

        story = rolling.RollingUpdate(self.ledger, self.doctor, self._balancing, environment, operation, deploy)
        rolling.start(story, environment.name)
        return operation

    def update_settings(self, environment: Environment, changes: dict[str, dict[str, str]]) -> Operation:
        for (namespace, option), longest in LONGEST.items():
            value = changes.get(namespace, {}).get(option)
            if value is not None and not (value.isdigit() and int(value) <= longest):
                raise Refused(texts.out_of_range(namespace, option, value, longest))
        with self.ledger.lock:
            operation = self._begin(environment, "configuration", abortable=True)
            self._accepted("UpdateEnvironment (settings)", environment.name, "")
            environment.pending_settings = {
                namespace: environment.settings.get(namespace, {}) | changes.get(namespace, {})
                for namespace in {*environment.settings, *changes}
            }
        self._in_background(environment, operation, self._configure)
        return operation

    def restart(self, environment: Environment) -> None:
        with self.ledger.lock:
            operation = self._begin(environment, "restart")
        self._in_background(environment, operation, self._restart)

    def abort(self, environment: Environment) -> None:
        with self.ledger.lock:
            operation = environment.running
            if operation is None or not operation.abortable:
                raise Refused(texts.must_be_pending(environment.name))
            rolling.ask_to_abort(self.ledger, environment, operation)
            self._accepted("AbortEnvironmentUpdate", environment.name, operation.label)

    def request_logs(self, environment: Environment, kind: str) -> None:
        with self.ledger.lock:
            self._must_be_ready(environment)
        self.logs.request(environment, self.ledger.request_id(), kind)

    # How an operation begins and, where it is short, goes on.

    def _accepted(self, what: str, target: str, label: str) -> None:
        deeds = self.ledger.world.deeds
        deeds.end(deeds.begin(what, target, label))

    def _must_be_ready(self, environment: Environment) -> None:
        if environment.status != READY:
            raise Refused(texts.must_be_ready(environment.name))

    def _begin(self, environment: Environment, kind: str, *, label: str = "", abortable: bool = False) -> Operation:
        self._must_be_ready(environment)
        operation = Operation(kind, self.ledger.request_id(), label, self._clock.simulated(), abortable)
        environment.operation, environment.status = operation, UPDATING
        environment.updated = self._clock.now()
        return operation

    def _in_background(self, environment: Environment, operation: Operation, work: Callable[[Environment, Operation], None]) -> None:
        threading.Thread(target=work, args=(environment, operation), name=f"{operation.kind} of {environment.name}", daemon=True).start()

    def _say(self, environment: Environment, operation: Operation, message: str) -> None:
        self.ledger.say(message, environment=environment.name, request_id=operation.request_id)

    def _configure(self, environment: Environment, operation: Operation) -> None:
        self._say(environment, operation, texts.UPDATE_STARTS)
        self._say(environment, operation, texts.updating_configuration(environment.name))
        self._clock.sleep(DURATIONS.configuration_update)
        if not operation.abort.is_set():
            with self.ledger.lock:
                environment.settings, environment.pending_settings = environment.pending_settings or environment.settings, None
                self._balancing.configure(environment)
            self._say(environment, operation, texts.CONFIGURATION_DEPLOYED)
        self._end(environment, operation, texts.aborted(environment.name) if operation.abort.is_set() else texts.UPDATE_COMPLETED)

    def _restart(self, environment: Environment, operation: Operation) -> None:
        self._say(environment, operation, texts.RESTARTING)
        self._clock.sleep(DURATIONS.restart)
        operation.took = DURATIONS.restart
        self._end(environment, operation, texts.RESTARTED)

    def _end(self, environment: Environment, operation: Operation, message: str) -> None:
        with self.ledger.lock:
            environment.pending_settings = None
            operation.ended, operation.succeeded, operation.abortable = self._clock.simulated(), True, False
            environment.status, environment.updated = READY, self._clock.now()
            self._say(environment, operation, message)

    # Somebody else.

    def someone_deploys(self, name: str) -> str:
        """Another person deploys a version of their own; returns its label. Raises `Refused` while the environment is not Ready."""
        with self.ledger.lock:
            environment = self.environment(name=name)
            self._must_be_ready(environment)
            source = self.ledger.versions[environment.expected.label]
            number = 1 + sum(label.startswith("hotfix-") for label in self.ledger.versions)
            version = replace(source, label=f"hotfix-{number}", description="Deployed from the Elastic Beanstalk console")
            self.create_version(APPLICATION, version.label, version.description, version.bucket, version.key)
        self.update_version(environment, version.label)
        return version.label


def start_foreign_deployment(world: World, environment: str) -> str:
    """What the control page calls for "someone else is deploying"."""
    beanstalk: Beanstalk = world.aws.beanstalk
    return beanstalk.someone_deploys(environment)
