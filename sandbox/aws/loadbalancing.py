"""ELBv2, as moto has it, with the health of targets that it lacks and the refusals that it forgets.

Lives here: the extended back end and how Beanstalk registers its instances there. Where a request goes is `balancer`'s.
"""

from __future__ import annotations

from typing import Any, cast

from moto.elbv2 import models, urls
from moto.elbv2.exceptions import ELBClientError, TargetGroupNotFoundError

from sandbox.aws.state import Environment, Instance
from sandbox.aws.targets import HEALTHY, HealthCheck, Targets
from sandbox.durations import DURATIONS
from sandbox.world import ACCOUNT, REGION, World

LONGEST_BODY = 1024  # characters of a fixed response
DELAY, IDLE = "deregistration_delay.timeout_seconds", "idle_timeout.timeout_seconds"
MATCHER = 7  # its place among the arguments of moto's modify_target_group, behind the group's ARN


class TargetHealth(models.FakeHealthStatus):
    """Moto's answer about one target, with the zone that AWS tells, too."""

    zone = ""

    @property
    def target(self) -> dict[str, str]:
        return super().target | {"AvailabilityZone": self.zone}


class LoadBalancing(models.ELBv2Backend):
    """One region's load balancers. `world` and `targets` are set by `install`, before the first request."""

    world: World
    targets: Targets

    @property
    def _url_module(self) -> Any:
        return urls

    # Registering and leaving take time.

    def register_targets(self, target_group_arn: str, instances: list[Any]) -> None:
        super().register_targets(target_group_arn, instances)
        group = self.target_groups[target_group_arn]
        for instance in instances:
            self.targets.register(group.name, self.world.host(instance["Id"]))

    def deregister_targets(self, target_group_arn: str, instances: list[dict[str, Any]]) -> None:
        super().deregister_targets(target_group_arn, instances)
        group = self.target_groups[target_group_arn]
        for instance in instances:
            self.targets.deregister(group.name, self.world.host(instance["Id"]), float(str(group.attributes[DELAY])))

    def describe_target_health(self, target_group_arn: str, targets: list[dict[str, Any]]) -> list[models.FakeHealthStatus]:
        """Registered targets and those that are still draining; others only where they are asked for."""
        group = self.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError()
        asked = [target["Id"] for target in targets] or [host.instance_id for host in self.world.hosts.values()]
        found = [self._target_health(group, instance_id) for instance_id in asked]
        return [health for health in found if targets or health.status != "unused"]

    def _target_health(self, group: models.FakeTargetGroup, instance_id: str) -> models.FakeHealthStatus:
        try:
            host = self.world.host(instance_id)
        except KeyError:
            raise ELBClientError("InvalidTarget", f"The following targets are not valid: '{instance_id}'") from None
        target = self.targets.look(group.name, host)
        reason, description = target.why if target.state != HEALTHY else (None, None)
        health = TargetHealth(instance_id, group.port, group.port, target.state, reason, description)
        health.zone = host.zone
        return health

    def describe_load_balancer_attributes(self, arn: str) -> dict[str, Any]:
        return {IDLE: f"{DURATIONS.idle_timeout:g}"} | super().describe_load_balancer_attributes(arn)

    # What AWS refuses and moto lets pass.

    def create_target_group(self, name: str, **kwargs: Any) -> models.FakeTargetGroup:
        _check_matcher((kwargs.get("matcher") or {}).get("HttpCode"))
        group = super().create_target_group(name, **kwargs)
        self.targets.add_group(name, _check_of(group))
        return group

    def modify_target_group(self, arn: str, *args: Any, **kwargs: Any) -> models.FakeTargetGroup:
        _check_matcher(args[MATCHER] if len(args) > MATCHER else kwargs.get("http_codes"))
        group = super().modify_target_group(arn, *args, **kwargs)
        self.targets.add_group(group.name, _check_of(group))
        return group

    def _validate_fixed_response_action(self, action: models.FakeAction, i: int, index: int) -> None:
        super()._validate_fixed_response_action(action, i, index)
        body = action.data["FixedResponseConfig"].get("MessageBody") or ""
        if len(body) > LONGEST_BODY:
            raise ELBClientError(
                "ValidationError",
                f"1 validation error detected: Value at 'actions.{index}.member.fixedResponseConfig.messageBody' failed to satisfy "
                f"constraint: Member must have length less than or equal to {LONGEST_BODY}",
            )


def _check_matcher(codes: str | None) -> None:
    """An application load balancer takes 200 to 499: a 503 can never be healthy."""
    for part in (codes or "200").split(","):
        low, _, high = part.partition("-")
        if not (low.isdigit() and (high or low).isdigit() and 200 <= int(low) <= int(high or low) <= 499):
            raise ELBClientError("ValidationError", f"Health check matcher HTTP code '{codes}' must be within '200-499' inclusive")


def _check_of(group: models.FakeTargetGroup) -> HealthCheck:
    return HealthCheck(
        group.health_check_path or "/",
        group.matcher["HttpCode"],
        float(group.health_check_interval_seconds),
        int(group.unhealthy_threshold_count),
    )


def backend() -> LoadBalancing:
    return cast(LoadBalancing, models.elbv2_backends[ACCOUNT][REGION])


def balancer_arn(name: str) -> str:
    return next(balancer.arn for balancer in backend().load_balancers.values() if balancer.name == name)


def group_named(name: str) -> models.FakeTargetGroup:
    return next(group for group in backend().target_groups.values() if group.name == name)


class ThroughBalancer:
    """How a deployment takes an instance out and brings it back: the target group has the environment's name."""

    def register(self, environment: Environment, instance: Instance) -> None:
        backend().register_targets(group_named(environment.name).arn, [{"Id": instance.id}])

    def deregister(self, environment: Environment, instance: Instance) -> None:
        group = group_named(environment.name)
        if instance.id in group.targets:
            backend().deregister_targets(group.arn, [{"Id": instance.id}])

    def interrupt(self, environment: Environment, instance: Instance) -> None:
        backend().targets.interrupt(environment.name, instance.host)

    def configure(self, environment: Environment) -> None:
        group_named(environment.name).attributes[DELAY] = environment.option("environment:process:default", "DeregistrationDelay")


def install(world: World, targets: Targets) -> None:
    """Puts this back end in the place of moto's; before the first request."""
    LoadBalancing.world, LoadBalancing.targets = world, targets
    models.elbv2_backends.backend = LoadBalancing
