"""Load balancers as parts of the inventory: listeners, rules and target groups joined to one thing each. Reading only."""

from __future__ import annotations

from typing import Any

from remote.aws import balancer
from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask, ask_all


def balancers() -> list[Found]:
    """`rules`: {"port", "path", "to": names of target groups}; `path` is empty for everything else."""
    groups = {each.arn: each.name for each in balancer.target_groups(patience=PATIENCE)}
    found = []
    for raw in ask_all("elbv2", "describe_load_balancers", "LoadBalancers", patience=PATIENCE):
        listeners = balancer.listeners(raw["LoadBalancerArn"], patience=PATIENCE)
        rules = [
            {
                "port": listener.port,
                "path": _path(rule),
                "to": [groups.get(arn, arn) for arn in rule.target_groups],
                "says": rule.fixed_status,
            }
            for listener in listeners
            for rule in balancer.rules(listener.arn, patience=PATIENCE)
        ]
        facts: dict[str, Any] = {
            "arn": raw["LoadBalancerArn"],
            "type": raw.get("Type", ""),
            "scheme": raw.get("Scheme", ""),
            "dns": raw.get("DNSName", ""),
            "vpc": raw.get("VpcId", ""),
            "ports": [each.port for each in listeners],
            "rules": rules,
            "tls": any(each.protocol == "HTTPS" for each in listeners),
            "certificates": sorted({arn for each in listeners for arn in each.certificates}),
        }
        found.append(Found("load-balancer", raw["LoadBalancerName"], raw["LoadBalancerName"], facts))
    return found


def target_groups() -> list[Found]:
    found = []
    for group in balancer.target_groups(patience=PATIENCE):
        targets = balancer.target_health(group.arn, patience=PATIENCE)
        attributes = ask("elbv2", "describe_target_group_attributes", patience=PATIENCE, TargetGroupArn=group.arn)["Attributes"]
        drain = next((each["Value"] for each in attributes if each["Key"] == "deregistration_delay.timeout_seconds"), "")
        facts = {
            "health_path": group.health_path,
            "healthy_codes": group.healthy_codes,
            "balancers": [arn.split("/")[-2] for arn in group.balancers],
            "targets": {each.instance_id: each.state for each in targets},
            "drain_seconds": int(drain) if drain.isdigit() else None,
        }
        found.append(Found("target-group", group.name, group.name, facts))
    return found


def _path(rule: balancer.Rule) -> str:
    return next((values[0] for field, values in rule.conditions if field == "path-pattern" and values), "")
