"""Load balancers, their rules, their target groups and the health of the targets; rules can be added and removed, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remote.aws.session import Patience, ask, ask_all, tell

_SERVICE = "elbv2"
IDLE_TIMEOUT = 60  # seconds: the attribute's default


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    arn: str
    name: str
    dns_name: str
    state: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listener:
    arn: str
    port: int
    protocol: str
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`priority` is 0 for the default rule. A condition is (field, values); `target_groups` and `fixed_status` say what it does."""

    arn: str
    priority: int
    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    target_groups: tuple[str, ...]
    fixed_status: int | None

    @property
    def is_default(self) -> bool:
        return self.priority == 0


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """`healthy_codes` is the matcher, for example 200 or 200-399: an application balancer accepts 200 to 499 only."""

    arn: str
    name: str
    port: int
    protocol: str
    health_path: str
    healthy_codes: str
    balancers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """`state`: initial, healthy, unhealthy, unhealthy.draining, unused, draining or unavailable; `reason` is AWS's code."""

    instance_id: str
    port: int
    state: str
    reason: str
    description: str


def load_balancers(*, patience: Patience | None = None) -> list[LoadBalancer]:
    found = ask_all(_SERVICE, "describe_load_balancers", "LoadBalancers", patience=patience)
    return sorted((_load_balancer(raw) for raw in found), key=lambda each: each.name)


def listeners(balancer_arn: str, *, patience: Patience | None = None) -> list[Listener]:
    found = ask_all(_SERVICE, "describe_listeners", "Listeners", patience=patience, LoadBalancerArn=balancer_arn)
    return sorted((_listener(raw) for raw in found), key=lambda each: each.port)


def rules(listener_arn: str, *, patience: Patience | None = None) -> list[Rule]:
    """In the order in which the balancer asks them; the default rule last."""
    found = [_rule(raw) for raw in ask_all(_SERVICE, "describe_rules", "Rules", patience=patience, ListenerArn=listener_arn)]
    return sorted(found, key=lambda each: (each.is_default, each.priority))


def tags_of(arns: Sequence[str], *, patience: Patience | None = None) -> dict[str, dict[str, str]]:
    """By rule. AWS takes 20 in a call; a rule that has gone meanwhile makes it NotFound."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), 20):
        answer = ask(_SERVICE, "describe_tags", patience=patience, ResourceArns=list(arns[start : start + 20]))
        for each in answer["TagDescriptions"]:
            found[each["ResourceArn"]] = {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags", ())}
    return found


def add_rule(
    listener_arn: str,
    priority: int,
    conditions: Sequence[Mapping[str, Any]],
    action: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    patience: Patience | None = None,
) -> str:
    """The new rule's ARN. Raises AlreadyExists where the priority is in use."""
    answer = tell(
        _SERVICE,
        "create_rule",
        patience=patience,
        ListenerArn=listener_arn,
        Priority=priority,
        Conditions=[dict(each) for each in conditions],
        Actions=[dict(action)],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    return str(answer["Rules"][0]["RuleArn"])


def remove_rule(arn: str, *, patience: Patience | None = None) -> None:
    """Raises NotFound where it has gone already."""
    tell(_SERVICE, "delete_rule", patience=patience, RuleArn=arn)


def target_groups(balancer_arn: str = "", *, patience: Patience | None = None) -> list[TargetGroup]:
    """Those of one load balancer, or all."""
    of_balancer = {"LoadBalancerArn": balancer_arn} if balancer_arn else {}
    found = ask_all(_SERVICE, "describe_target_groups", "TargetGroups", patience=patience, **of_balancer)
    return sorted((_target_group(raw) for raw in found), key=lambda each: each.name)


def idle_timeout(balancer_arn: str, *, patience: Patience | None = None) -> int:
    """Seconds that it waits for the next byte of an answer before it gives up on it."""
    answer = ask(_SERVICE, "describe_load_balancer_attributes", patience=patience, LoadBalancerArn=balancer_arn)
    told = {each["Key"]: each["Value"] for each in answer["Attributes"]}
    return int(told.get("idle_timeout.timeout_seconds", IDLE_TIMEOUT))


def target_health(target_group_arn: str, *, patience: Patience | None = None) -> list[Target]:
    answer = ask(_SERVICE, "describe_target_health", patience=patience, TargetGroupArn=target_group_arn)
    return sorted((_target(raw) for raw in answer["TargetHealthDescriptions"]), key=lambda each: each.instance_id)


def _load_balancer(raw: dict[str, Any]) -> LoadBalancer:
    zones = tuple(zone["ZoneName"] for zone in raw.get("AvailabilityZones", ()))
    return LoadBalancer(
        raw["LoadBalancerArn"], raw["LoadBalancerName"], raw.get("DNSName", ""), raw.get("State", {}).get("Code", ""), zones
    )


def _listener(raw: dict[str, Any]) -> Listener:
    certificates = tuple(each["CertificateArn"] for each in raw.get("Certificates", ()) if each.get("CertificateArn"))
    return Listener(raw["ListenerArn"], raw["Port"], raw["Protocol"], certificates)


def _rule(raw: dict[str, Any]) -> Rule:
    actions = raw.get("Actions", ())
    forwards = [group["TargetGroupArn"] for each in actions for group in each.get("ForwardConfig", {}).get("TargetGroups", ())]
    forwards += [each["TargetGroupArn"] for each in actions if "TargetGroupArn" in each]
    fixed = [int(each["FixedResponseConfig"]["StatusCode"]) for each in actions if "FixedResponseConfig" in each]
    return Rule(
        arn=raw["RuleArn"],
        priority=0 if raw.get("IsDefault") else int(raw["Priority"]),
        conditions=tuple((each["Field"], _values(each)) for each in raw.get("Conditions", ())),
        target_groups=tuple(dict.fromkeys(forwards)),
        fixed_status=fixed[0] if fixed else None,
    )


def _values(condition: dict[str, Any]) -> tuple[str, ...]:
    """AWS fills the old list for two kinds of condition and a `…Config` for all."""
    if condition.get("Values"):
        return tuple(condition["Values"])
    config: dict[str, Any] = next((value for name, value in condition.items() if name.endswith("Config")), {})
    return tuple(str(value) for value in config.get("Values", ()))


def _target_group(raw: dict[str, Any]) -> TargetGroup:
    return TargetGroup(
        arn=raw["TargetGroupArn"],
        name=raw["TargetGroupName"],
        port=raw.get("Port", 0),
        protocol=raw.get("Protocol", ""),
        health_path=raw.get("HealthCheckPath", ""),
        healthy_codes=raw.get("Matcher", {}).get("HttpCode", ""),
        balancers=tuple(dict.fromkeys(raw.get("LoadBalancerArns", ()))),
    )


def _target(raw: dict[str, Any]) -> Target:
    health = raw.get("TargetHealth", {})
    return Target(
        raw["Target"]["Id"], raw["Target"].get("Port", 0), health.get("State", ""), health.get("Reason", ""), health.get("Description", "")
    )
