"""Enhanced health: what follows from the hosts' answers, their versions and the load balancer.

Lives here: judging (`of_instance`, `of_environment`) and telling (`announce`). Nothing is stored but what was last told: health is
computed from the same counters that the hosts' answers feed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.aws import targets, texts
from sandbox.aws.state import FAILED, Environment, Instance, Ledger
from sandbox.aws.traffic import Share, Traffic
from sandbox.durations import DURATIONS

OK, INFO, WARNING, DEGRADED, SEVERE = "Ok", "Info", "Warning", "Degraded", "Severe"
ORDER = (OK, INFO, WARNING, DEGRADED, SEVERE)
COLOURS = {OK: "Green", INFO: "Green", WARNING: "Yellow", DEGRADED: "Red", SEVERE: "Red"}

# Believed: AWS tells the words but not the thresholds.
FEWEST_REQUESTS = 10.0  # a minute; below, failing requests say nothing
FAILING_SHARES = ((75.0, SEVERE), (25.0, DEGRADED), (5.0, WARNING))  # percent of 5xx
RECENTLY = 60.0  # simulated seconds in which an ended deployment is still told


@dataclass(frozen=True, slots=True)
class Health:
    status: str
    causes: tuple[str, ...] = ()

    @property
    def colour(self) -> str:
        return COLOURS[self.status]

    def is_at_least(self, threshold: str) -> bool:
        """Whether it is as good as the threshold, or better."""
        return ORDER.index(self.status) <= ORDER.index(threshold)


def _worst(findings: list[tuple[str, str]]) -> Health:
    """The worst status, and all causes, most severe first."""
    ordered = sorted(findings, key=lambda finding: -ORDER.index(finding[0]))
    return Health(ordered[0][0] if ordered else OK, tuple(cause for _, cause in ordered))


def _failing(share: Share) -> list[tuple[str, str]]:
    percent = share.percent(5)
    if not share.classes[5]:
        return []
    if share.per_minute < FEWEST_REQUESTS:
        return [(OK, texts.failing_5xx(percent)), (OK, texts.too_few_requests(share.per_minute))]
    return [(status, texts.failing_5xx(percent)) for least, status in FAILING_SHARES if percent >= least][:1]


class Doctor:
    def __init__(self, ledger: Ledger, traffic: Traffic, groups: targets.Targets) -> None:
        self._ledger = ledger
        self._traffic = traffic
        self._targets = groups

    def _now(self) -> float:
        return self._ledger.world.clock.simulated()

    def target_state(self, environment: Environment, instance: Instance) -> str:
        return self._targets.look(environment.name, instance.host).state

    def of_instance(self, environment: Environment, instance: Instance) -> Health:
        findings = _failing(self._traffic.recent(instance.host.name))
        now = self._now()
        if instance.impaired:
            findings.append((SEVERE, "Following services are not running: proxy."))
        if self.target_state(environment, instance) == targets.UNHEALTHY:
            findings.append((SEVERE, "ELB processes are not healthy."))
        if instance.failure:
            findings.append((DEGRADED, instance.failure))
        expected, found = environment.expected, instance.deployment
        if environment.running is None and found.label != expected.label:
            findings.append((DEGRADED, texts.wrong_version(found.label, found.id, expected.label, expected.id)))
        if instance.busy_since is not None:
            findings.append((INFO, texts.deploying_on_instance(now - instance.busy_since)))
        elif instance.settled_at is not None and now - instance.settled_at < RECENTLY:
            findings.append((OK, texts.deployed_on_instance(now - instance.settled_at, instance.took)))
        return _worst(findings)

    def of_environment(self, environment: Environment) -> Health:
        instances = environment.instances
        findings = _failing(self._traffic.recent(*(instance.host.name for instance in instances)))
        findings += self._balancer(environment)
        unhealthy = sum(self.target_state(environment, instance) == targets.UNHEALTHY for instance in instances)
        if unhealthy:
            findings.append(
                (SEVERE if 2 * unhealthy >= len(instances) else DEGRADED, texts.balancer_unhealthy_on(unhealthy, len(instances)))
            )
        impaired = sum(instance.impaired for instance in instances)
        if impaired:
            findings.append((DEGRADED, f"Impaired services {texts.out_of(impaired, len(instances))}."))
        findings += self._operation(environment)
        if environment.running is None:
            findings += self._versions(environment)
        return _worst(findings)

    def _balancer(self, environment: Environment) -> list[tuple[str, str]]:
        """What the load balancer answers by itself, beside what the hosts answer."""
        own = self._traffic.recent(f"elb:{environment.name}")
        hosts = self._traffic.recent(*(instance.host.name for instance in environment.instances))
        requests = own.requests + hosts.requests
        if not own.classes[5] or (own.per_minute + hosts.per_minute) < FEWEST_REQUESTS:
            return []
        percent = 100 * own.classes[5] / requests
        return [(status, texts.balancer_failing_5xx(percent)) for least, status in FAILING_SHARES if percent >= least][:1]

    def _versions(self, environment: Environment) -> list[tuple[str, str]]:
        expected = environment.expected
        wrong = [i for i in environment.instances if i.deployment.label != expected.label or i.deployment.status == FAILED]
        if not wrong:
            return []
        return [(DEGRADED, texts.wrong_version_on(len(wrong), len(environment.instances), expected.label, expected.id))]

    def _operation(self, environment: Environment) -> list[tuple[str, str]]:
        operation, now, count = environment.operation, self._now(), len(environment.instances)
        if operation is None or operation.kind == "configuration":
            return []
        if operation.ended is None:
            if operation.instances_failed:
                return [(DEGRADED, texts.command_failed_on(operation.instances_failed, count))]
            done, busy, running_for = operation.instances_done, operation.instances_busy, now - operation.began
            return [(INFO, texts.update_in_progress(busy, done, count, running_for))] if operation.kind == "update" else []
        ago = now - operation.ended
        if not operation.succeeded or ago >= DURATIONS.health_settles:
            return []
        ended = texts.update_ended if operation.kind == "update" else texts.restart_ended
        return [(INFO, ended(ago, operation.took))]

    def announce(self, environment: Environment, health: Health | None = None) -> None:
        """Tells a change of health as an event, which carries no request id."""
        with self._ledger.lock:
            health = health or self.of_environment(environment)
            if health.status == environment.announced:
                return
            message = texts.health_changed(environment.announced, health.status, health.causes)
            environment.announced = health.status
            severity = "INFO" if health.is_at_least(INFO) else "WARN"
            self._ledger.say(message, severity, environment=environment.name)
