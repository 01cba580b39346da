"""A rolling deployment, told in the order in which it happens.

Lives here: the story (batches that drain, run their commands, come back and stay healthy), and how it ends when something goes wrong.
What is said stands in `texts`, how long it takes in `sandbox.durations`, what a host does in `sandbox.hosts.agent`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

from sandbox.aws import health, texts
from sandbox.aws.state import ABORTING, DEPLOYED, FAILED, IN_PROGRESS, READY, Deployment, Environment, Instance, Ledger, Operation, ids_of
from sandbox.durations import DURATIONS
from sandbox.world import Host

FIRST_TOLD = 13.0  # simulated seconds into the first draining, health is seen to change
CHECKS = 12  # consecutive ones, for a web server


class Outcome(Protocol):
    """How the agent on a host ended. `message` is what an event of Amazon Linux 1 tells of it."""

    @property
    def returncode(self) -> int: ...
    @property
    def failed_command(self) -> str: ...
    @property
    def failed_file(self) -> str: ...
    @property
    def timed_out(self) -> bool: ...
    @property
    def message(self) -> str: ...


class Balancing(Protocol):
    """What a deployment asks of the load balancer."""

    def register(self, environment: Environment, instance: Instance) -> None: ...
    def deregister(self, environment: Environment, instance: Instance) -> None: ...
    def interrupt(self, environment: Environment, instance: Instance) -> None: ...
    def configure(self, environment: Environment) -> None: ...


Deploy = Callable[[Host, bool], Outcome]


class RollingUpdate:
    """One deployment of one version to one environment; `run` is its thread."""

    def __init__(
        self, ledger: Ledger, doctor: health.Doctor, balancing: Balancing, environment: Environment, operation: Operation, deploy: Deploy
    ) -> None:
        self._ledger, self._doctor, self._balancing = ledger, doctor, balancing
        self._environment, self._operation, self._deploy = environment, operation, deploy
        self._clock = ledger.world.clock
        self._elapsed = 0.0  # simulated seconds, exact: what texts tell must not depend on how busy this machine is
        self._before = environment.expected
        self._id = environment.deployments

    def run(self) -> None:
        self._say(texts.UPDATE_STARTS)
        self._pause(DURATIONS.update_begins)
        self._say(texts.DEPLOYING)
        self._pause(DURATIONS.batch_begins)
        if self._environment.option("command", "DeploymentPolicy") == "AllAtOnce":
            return self._all_at_once()
        for number, batch in enumerate(self._batches(), start=1):
            if number > 1:
                self._pause(DURATIONS.between_batches)
            if self._operation.abort.is_set():
                return self._stop()
            if not self._roll(number, batch):
                return self._give_up(batch)
        if self._operation.abort.is_set():
            return self._stop()
        self._finish()

    def _all_at_once(self) -> None:
        """Every instance at the same time, in its place behind the load balancer: nobody drains, and nobody waits for health."""
        instances = self._environment.instances
        with self._ledger.lock:
            self._operation.instances_busy = len(instances)
            self._environment.quiet = False
            for instance in instances:
                instance.busy_since = self._clock.simulated()
                instance.failure, instance.impaired = "", False
        if not self._run_commands(0, instances):
            return self._give_up(instances)
        with self._ledger.lock:
            for instance in instances:
                self._balancing.interrupt(self._environment, instance)
                instance.settled_at, instance.busy_since = self._clock.simulated(), None
        if self._operation.abort.is_set():
            return self._stop()
        self._finish()

    # One batch.

    def _roll(self, number: int, batch: list[Instance]) -> bool:
        """Whether this batch came back healthy. Batches are numbered from 1; 0 is everybody at once."""
        self._say(texts.batch_starts(number, ids_of(batch)))
        self._pause(DURATIONS.between_batches)
        self._drain(number, batch)
        if not self._run_commands(number, batch):
            return False
        return self._bring_back(number, batch)

    def _drain(self, number: int, batch: list[Instance]) -> None:
        self._say(texts.batch_deregisters(number))
        with self._ledger.lock:
            self._operation.instances_busy = len(batch)
            for instance in batch:
                instance.busy_since = self._clock.simulated()
                instance.failure, instance.impaired = "", False
                self._balancing.deregister(self._environment, instance)
        delay = float(self._environment.option("environment:process:default", "DeregistrationDelay"))
        if number == 1:
            self._pause(min(FIRST_TOLD, delay))
            self._tell_progress()
            self._pause(max(0.0, delay - FIRST_TOLD))
        else:
            self._pause(delay)

    def _tell_progress(self) -> None:
        """From here on others may tell changes of health, too."""
        cause = texts.update_in_progress(self._operation.instances_busy, 0, len(self._environment.instances), self._elapsed)
        with self._ledger.lock:
            if self._environment.announced == health.OK:
                self._doctor.announce(self._environment, health.Health(health.INFO, (cause,)))
            self._environment.quiet = False

    def _run_commands(self, number: int, batch: list[Instance]) -> bool:
        if number:
            self._say(texts.batch_commands(number))
        with self._ledger.lock:
            for instance in batch:
                instance.deployment = Deployment(self._operation.label, self._id, IN_PROGRESS, self._clock.now())
        outcomes = self._deploy_all(number, batch)
        failed = [(instance, outcome) for instance, outcome in zip(batch, outcomes, strict=True) if outcome.returncode or outcome.timed_out]
        if failed:
            self._commands_failed(batch, failed)
            return False
        with self._ledger.lock:
            for instance in batch:
                instance.deployment = Deployment(self._operation.label, self._id, DEPLOYED, self._clock.now())
                instance.took = self._clock.simulated() - (instance.busy_since or 0)
            self._operation.instances_done += len(batch)
        for instance in batch:
            if instance.host.platform == "al2":
                self._say(texts.INSTANCE_DEPLOYED)
        if number:
            self._say(texts.batch_commands_done(number))
        self._say(texts.commands_completed(self._operation.instances_done, len(self._environment.instances)))
        return True

    def _deploy_all(self, number: int, batch: list[Instance]) -> list[Outcome]:
        """On all hosts of the batch at the same time; the batch takes as long as the slowest. The first host of all is the leader."""

        def deploy(index: int) -> tuple[Outcome, float]:
            before = self._clock.slept()
            outcome = self._deploy(batch[index].host, number <= 1 and index == 0)
            return outcome, self._clock.slept() - before

        with ThreadPoolExecutor(len(batch)) as pool:
            results = list(pool.map(deploy, range(len(batch))))
        self._elapsed += max(seconds for _, seconds in results)
        return [outcome for outcome, _ in results]

    def _bring_back(self, number: int, batch: list[Instance]) -> bool:
        self._say(texts.batch_registers(number))
        with self._ledger.lock:
            for instance in batch:
                self._balancing.register(self._environment, instance)
                instance.impaired = self._ledger.world.faults.strikes("not-healthy", instance.host.name) is not None
                instance.settled_at, instance.busy_since = self._clock.simulated(), None
        if not self._become_healthy(batch) and self._environment.option("command", "IgnoreHealthCheck") != "true":
            self._say(texts.not_healthy(ids_of(batch)), "ERROR")
            return False
        if not self._operation.abort.is_set():
            self._say(texts.batch_completed(number))
        return True

    def _become_healthy(self, batch: list[Instance]) -> bool:
        """Twelve checks in a row, one in ten seconds, before the time-out of the commands is over. An abort does not wait for them."""
        threshold = self._environment.option("healthreporting:system", "HealthCheckSuccessThreshold")
        deadline = self._elapsed + float(self._environment.option("command", "Timeout")) + 240
        self._pause(DURATIONS.target_healthy)
        passed = 0
        while passed < CHECKS and not self._operation.abort.is_set():
            if self._elapsed > deadline:
                return False
            healthy = all(
                self._doctor.target_state(self._environment, instance) == "healthy"
                and self._doctor.of_instance(self._environment, instance).is_at_least(threshold)
                for instance in batch
            )
            passed = passed + 1 if healthy else 0
            self._pause(DURATIONS.healthy_checks / CHECKS)
        return True

    # How it ends.

    def _finish(self) -> None:
        with self._ledger.lock:
            self._operation.abortable = False
            self._environment.quiet = True
        self._say(texts.VERSION_DEPLOYED)
        with self._ledger.lock:
            self._environment.expected = Deployment(self._operation.label, self._id, DEPLOYED, self._clock.now())
            self._operation.succeeded = True
            self._end()
            self._say(texts.UPDATE_COMPLETED)
        self._settle()

    def _settle(self) -> None:
        """Info goes back to Ok a minute or two after the end, unless another operation has begun."""
        self._clock.sleep(DURATIONS.health_settles)
        with self._ledger.lock:
            if self._environment.operation is not self._operation:
                return
            verdict = self._doctor.of_environment(self._environment)
            if verdict.status == health.OK:
                told = texts.update_ended(DURATIONS.health_settles, self._operation.took)
                verdict = health.Health(health.OK, (told,))
            self._doctor.announce(self._environment, verdict)
            self._environment.quiet = False

    def _commands_failed(self, batch: list[Instance], failed: list[tuple[Instance, Outcome]]) -> None:
        now = self._clock.now()
        timed_out = [instance for instance, outcome in failed if outcome.timed_out]
        with self._ledger.lock:
            self._environment.quiet = True
            self._operation.instances_failed = len(failed)
            for instance, outcome in failed:
                instance.deployment = Deployment(self._operation.label, self._id, FAILED, now)
                instance.failure = _cause(instance, outcome, now)
        for instance, outcome in failed:
            if not outcome.timed_out:
                self._tell_failure(instance, outcome)
        if timed_out:
            self._say(texts.not_responding(ids_of(timed_out)), "WARN")
        successful = len(batch) - len(failed)
        counted = texts.summary(successful=successful, failed=len(failed) - len(timed_out), timed_out=len(timed_out))
        self._say(counted)
        self._say(texts.unsuccessful([instance.id for instance, _ in failed]), "ERROR")

    def _tell_failure(self, instance: Instance, outcome: Outcome) -> None:
        if instance.host.platform == "al2":
            self._say(texts.INSTANCE_FAILED, "ERROR")
        output = texts.AL2_OUTPUT if instance.host.platform == "al2" else outcome.message
        self._say(texts.command_failed(instance.id, outcome.returncode, output), "ERROR")

    def _give_up(self, batch: list[Instance]) -> None:
        """Beanstalk stops where it is: versions are mixed, what failed is left for a person to look at, and the old version is expected."""
        with self._ledger.lock:
            self._environment.quiet = True
        self._say(texts.DEPLOYMENT_FAILED, "ERROR")
        self._pause(1)
        self._leave_mixed(batch)

    def _stop(self) -> None:
        """A person asked for it; the batch that was under way has been finished."""
        with self._ledger.lock:
            self._environment.quiet = True
        self._say(texts.aborted(self._environment.name))
        self._pause(1)
        self._leave_mixed([])

    def _leave_mixed(self, batch: list[Instance]) -> None:
        with self._ledger.lock:
            for instance in batch:
                instance.busy_since = None
            self._environment.label, self._environment.expected = self._before.label, self._before
            self._end()
            self._say(texts.MIXED_VERSIONS, "ERROR")
            self._doctor.announce(self._environment)
            self._environment.quiet = False

    def _end(self) -> None:
        self._operation.abortable = False
        self._operation.instances_busy = 0
        self._operation.ended, self._operation.took = self._clock.simulated(), self._elapsed
        self._environment.status = READY
        self._environment.updated = self._clock.now()

    # Small things.

    def _batches(self) -> list[list[Instance]]:
        instances = self._environment.instances
        size = float(self._environment.option("command", "BatchSize"))
        if self._environment.option("command", "BatchSizeType") == "Percentage":
            size = len(instances) * size / 100
        count = max(1, int(size))
        return [instances[start : start + count] for start in range(0, len(instances), count)]

    def _say(self, message: str, severity: str = "INFO") -> None:
        operation = self._operation
        self._ledger.say(message, severity, environment=self._environment.name, label="", request_id=operation.request_id)

    def _pause(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self._elapsed += seconds


def _cause(instance: Instance, outcome: Outcome, now: datetime) -> str:
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return texts.failed_on_instance(at, outcome.returncode, outcome.failed_command, outcome.failed_file)


def start(update: RollingUpdate, name: str) -> None:
    threading.Thread(target=update.run, name=f"update of {name}", daemon=True).start()


def ask_to_abort(ledger: Ledger, environment: Environment, operation: Operation) -> None:
    """The running batch is finished first."""
    environment.status = ABORTING
    operation.abortable = False
    operation.abort.set()
    ledger.say(texts.ABORTING, environment=environment.name, request_id=operation.request_id)
