"""Small operations of the estate's things, each a plan of its own that is shown on the thing's card and run by the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from deployments.actions import NotStartable
from estate.definition import Target
from estate.models import Resource
from estate.reading import current
from handover import shares
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs.models import Run
from runs.plan import Act, Plan, Step

KIND = "estate"
PATHS = ("/*",)
_LONGEST_LOCK = 60  # letters: as much as the database keeps of a lock's name; SQLite would keep any, PostgreSQL refuses more
BOOTED = ("grep", "^btime ", "/proc/stat")  # seconds since 1970: the kernel's own word for when it started


@dataclass(frozen=True, slots=True)
class Operation:
    """`kind` is the resource's. `changes` says in a sentence what it does to the estate."""

    key: str
    kind: str
    title: str
    changes: str
    seconds: float
    draw: Callable[[Resource], Sequence[Step]]
    fits: Callable[[Resource], bool] = lambda resource: True


def operations_of(resource: Resource) -> list[Operation]:
    if resource.gone is not None:
        return []
    return [each for each in OPERATIONS.values() if each.kind == resource.kind and each.fits(resource)]


def drawn(resource: Resource, operation: Operation) -> Plan:
    """What would be run, word for word."""
    facts = {"operation": operation.key, "resource": {"kind": resource.kind, "key": resource.key}}
    title = f"{operation.title} {resource}"
    return Plan(KIND, title, "", environment_of(resource), lock_of(resource), tuple(operation.draw(resource)), facts)


def start(resource: Resource, key: str, *, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Plans and starts in one go. Raises Forbidden, NotStartable, and what `runs.actions.start_run` raises."""
    environment = environment_of(resource)
    require(by, KIND, environment)
    if before := runs.begun_before(idempotency_key, kind=KIND, service="", environment=environment):
        return before
    operation = {each.key: each for each in operations_of(resource)}.get(key)
    if operation is None:
        raise NotStartable([f"There is no “{key}” for {resource} as it is now."])
    return started(resource, drawn(resource, operation), confirmation=confirmation, idempotency_key=idempotency_key, reason=reason, by=by)


def started(resource: Resource, plan: Plan, *, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    if confirmation.strip() != (resource.name or resource.key):
        raise NotStartable([f"Type “{resource}” to confirm."])
    with transaction.atomic():
        saved = runs.save_plan(plan, by=by)
        return runs.start_run(saved, hash=saved.hash, idempotency_key=idempotency_key, reason=reason, by=by)


def environment_of(resource: Resource) -> str:
    target = target_of(resource)
    return target.environment.key if target else guarded_as(f"{resource.name} {resource.key}")


def guarded_as(named: str) -> str:
    """Whose permission it takes. What is not plainly pre-production's is guarded as production is."""
    before = "pre-production" in current().environments and "preprod" in named
    return "pre-production" if before else next((each.key for each in current().environments.values() if each.confirm), "production")


def lock_of(resource: Resource) -> str:
    """A host that is released to, or that people come in by, is not touched while that is under way."""
    if target := target_of(resource):
        return target.lock_group
    access = current().access
    for way in (access.vpn, access.gateway) if access and resource.kind == "instance" else ():
        if way is not None and way.instance == resource.name:
            return way.lock_group
    name = f"{resource.kind}-{resource.key}"
    # A certificate's key is its ARN. What tells two apart stands at its end, so it is not cut off alone.
    return name if len(name) <= _LONGEST_LOCK else f"{name[: _LONGEST_LOCK - 17]}-{sha256(name.encode()).hexdigest()[:16]}"


def target_of(resource: Resource) -> Target | None:
    """What is released to this host; None for what is no host of Beanstalk's."""
    beanstalk = resource.facts.get("beanstalk") if resource.kind == "instance" else ""
    return next((each for each in current().targets if beanstalk in [tier.beanstalk for tier in each.tiers]), None) if beanstalk else None


# -- the operations


def _one(resource: Resource, key: str, title: str, act: Act, note: str, seconds: float) -> list[Step]:
    return [Step(key, f"{title} {resource}", (act,), note, "AWS", seconds)]


def _snapshot(resource: Resource) -> list[Step]:
    argv = ("aws", "ec2", "create-snapshot", "--volume-id", resource.key)
    act = Act("aws.snapshot", "snapshot", str(resource), argv, params={"volume": resource.key})
    return _one(resource, "snapshot", "Take a snapshot of", act, "EC2 copies the volume as it is now; the host goes on.", 120)


def _invalidate(resource: Resource) -> list[Step]:
    argv = ("aws", "cloudfront", "create-invalidation", "--distribution-id", resource.key, "--paths", *PATHS)
    act = Act("aws.invalidate", "invalidate", str(resource), argv, params={"distribution": resource.key, "paths": list(PATHS)})
    return _one(resource, "invalidate", "Invalidate everything of", act, "Followed until every edge has done it.", 180)


def _start(resource: Resource) -> list[Step]:
    argv = ("aws", "ec2", "start-instances", "--instance-ids", resource.key)
    act = Act("aws.start", "start", str(resource), argv, params={"instance": resource.key})
    return _one(resource, "start", "Start", act, "With its addresses and volumes.", 60)


def _reboot(resource: Resource) -> list[Step]:
    """Its own kernel says afterwards that it has booted: EC2 calls it running all the time. What no boot mounts is mounted again."""
    ip = str(resource.facts["private_ip"])
    look = Act("host.look", "booted", str(resource), BOOTED, params={"ip": ip})
    argv = ("aws", "ec2", "reboot-instances", "--instance-ids", resource.key)
    boot = Act("aws.reboot", "reboot", str(resource), argv, params={"instance": resource.key, "ip": ip})
    steps = [
        Step(
            "look", "See that the host answers", (look,), "Who cannot be asked when it booted is not rebooted from here.", str(resource), 3
        ),
        Step("reboot", f"Reboot {resource}", (boot,), "Done when its kernel says that it has started since.", "AWS", 120),
    ]
    return [*steps, *shares.mounting(resource, target_of(resource))]


def _remount(resource: Resource) -> list[Step]:
    target = target_of(resource)
    return [*shares.unmounting(resource, target), *shares.mounting(resource, target)]


def _is_stopped(resource: Resource) -> bool:
    return bool(resource.facts.get("state") == "stopped")


def _has_a_kernel_to_ask(resource: Resource) -> bool:
    facts = resource.facts
    return bool(facts.get("state") == "running" and facts.get("platform") != "windows" and facts.get("private_ip"))


def _has_shares(resource: Resource) -> bool:
    return _has_a_kernel_to_ask(resource) and bool(shares.wanted(resource, target_of(resource)))


_ALL = (
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
    Operation(
        "reboot",
        "instance",
        "Reboot",
        "Whoever it serves waits until it is back. Its addresses and volumes stay; shares that no boot mounts are mounted again.",
        120,
        _reboot,
        _has_a_kernel_to_ask,
    ),
    Operation(
        "remount",
        "instance",
        "Mount the shares again on",
        "Each share is taken away lazily and mounted anew; until then the host has none of its files. A command that hangs is ended.",
        15,
        _remount,
        _has_shares,
    ),
)
OPERATIONS: Mapping[str, Operation] = {each.key: each for each in _ALL}
