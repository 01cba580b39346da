"""Small operations of the estate's things, each a plan of its own that is shown on the thing's card and run by the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from deployments.actions import NotStartable
from estate.models import Resource
from estate.reading import current
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs.models import Run
from runs.plan import Act, Plan, Step

KIND = "estate"
PATHS = ("/*",)


@dataclass(frozen=True, slots=True)
class Operation:
    """`kind` is the resource's. `changes` says in a sentence what it does to the estate."""

    key: str
    kind: str
    title: str
    changes: str
    seconds: float
    act: Callable[[Resource], Act]
    fits: Callable[[Resource], bool] = lambda resource: True


def operations_of(resource: Resource) -> list[Operation]:
    if resource.gone is not None:
        return []
    return [each for each in OPERATIONS.values() if each.kind == resource.kind and each.fits(resource)]


def drawn(resource: Resource, operation: Operation) -> Plan:
    """Pure: what would be run, word for word."""
    step = Step(operation.key, f"{operation.title} {resource}", (operation.act(resource),), operation.changes, "AWS", operation.seconds)
    facts = {"operation": operation.key, "resource": {"kind": resource.kind, "key": resource.key}}
    lock = f"{resource.kind}-{resource.key}"[:100]
    return Plan(KIND, f"{operation.title} {resource}", "", environment_of(resource), lock, (step,), facts)


def start(resource: Resource, key: str, *, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Plans and starts in one go. Raises Forbidden, NotStartable, and what `runs.actions.start_run` raises."""
    environment = environment_of(resource)
    require(by, KIND, environment)
    if before := runs.begun_before(idempotency_key, kind=KIND, service="", environment=environment):
        return before
    operation = {each.key: each for each in operations_of(resource)}.get(key)
    if operation is None:
        raise NotStartable([f"There is no “{key}” for {resource} as it is now."])
    if confirmation.strip() != (resource.name or resource.key):
        raise NotStartable([f"Type “{resource}” to confirm."])
    with transaction.atomic():
        plan = runs.save_plan(drawn(resource, operation), by=by)
        return runs.start_run(plan, hash=plan.hash, idempotency_key=idempotency_key, reason=reason, by=by)


def environment_of(resource: Resource) -> str:
    return guarded_as(f"{resource.name} {resource.key}")


def guarded_as(named: str) -> str:
    """Whose permission it takes. What is not plainly pre-production's is guarded as production is."""
    before = "pre-production" in current().environments and "preprod" in named
    return "pre-production" if before else next((each.key for each in current().environments.values() if each.confirm), "production")


def _snapshot(resource: Resource) -> Act:
    argv = ("aws", "ec2", "create-snapshot", "--volume-id", resource.key)
    return Act("aws.snapshot", "snapshot", str(resource), argv, params={"volume": resource.key})


def _invalidate(resource: Resource) -> Act:
    argv = ("aws", "cloudfront", "create-invalidation", "--distribution-id", resource.key, "--paths", *PATHS)
    return Act("aws.invalidate", "invalidate", str(resource), argv, params={"distribution": resource.key, "paths": list(PATHS)})


def _start(resource: Resource) -> Act:
    argv = ("aws", "ec2", "start-instances", "--instance-ids", resource.key)
    return Act("aws.start", "start", str(resource), argv, params={"instance": resource.key})


def _is_stopped(resource: Resource) -> bool:
    facts: Mapping[str, Any] = resource.facts
    return facts.get("state") == "stopped"


OPERATIONS: Mapping[str, Operation] = {
    each.key: each
    for each in (
        Operation("snapshot", "volume", "Take a snapshot of", "EC2 copies the volume as it is now; the host goes on.", 120, _snapshot),
        Operation(
            "invalidate",
            "distribution",
            "Invalidate everything of",
            "CloudFront forgets what it has: until it has everything again, visitors wait for the shop.",
            180,
            _invalidate,
        ),
        Operation("start", "instance", "Start", "EC2 starts the host again, with its addresses and volumes.", 60, _start, _is_stopped),
    )
}
