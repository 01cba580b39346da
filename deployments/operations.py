"""Small operations, each a plan of its own: caches, maintenance mode, statics, application servers, Beanstalk's logs.

Drawn, shown, gated and started as a release is; what they leave is seen on their run's page. The effects are those of releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from deployments import commands, gates, steps
from deployments.actions import NotPlannable, NotStartable, hosts_of, target_of
from deployments.doors import runner
from deployments.effects.hosts import LOOK_SECONDS
from deployments.estimate import Estimate
from deployments.steps import PlannedHost
from deployments.strategies import curtain
from deployments.strategies import steps as once
from estate.definition import Target
from estate.maintenance import observe_maintenance
from estate.validators import cdn_path
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs.models import Plan, Run
from runs.plan import Act, Step
from runs.plan import Plan as PlanValue

KIND = "operation"
_ON_HOSTS = ("reach", "shares", "clock", "runner")
_TOLERATED = ("healthy", "version", "shares", "room", "clock")  # an operation is often there to mend just that


@dataclass(frozen=True, slots=True)
class Asked:
    """`option` is the operation's one tick, `argument` the one thing that is written, in those that want one."""

    target: Target
    hosts: Sequence[PlannedHost]
    option: bool
    argument: str = ""

    @property
    def front(self) -> list[PlannedHost]:
        return [host for host in self.hosts if host.tier == self.target.tiers[-1].key]


@dataclass(frozen=True, slots=True)
class Operation:
    """`gates` are asked besides lock and hosts. `lock` is a group of its own where it disturbs nobody; "" is the target's."""

    key: str
    title: str  # of the plan: a command
    about: str
    draw: Callable[[Asked], Iterator[Step]]
    warnings: Callable[[Asked], Iterator[str]]
    fits: Callable[[Target], bool]
    option: str = ""
    option_help: str = ""
    gates: tuple[str, ...] = ("ready", *_ON_HOSTS)
    lock: str = ""
    argument: str = ""  # what is written, in words; "" where nothing is
    judge: Callable[[str], str] = str  # of what is written


def operations_of(target: Target) -> list[Operation]:
    return [operation for operation in OPERATIONS.values() if operation.fits(target)]


def plan_operation(target: Target, key: str, *, option: bool = False, argument: str = "", by: Operator) -> Plan:
    """Draws and stores it; nothing outside is changed. Raises Forbidden, NotPlannable, ValidationError, RemoteError."""
    require(by, KIND, target.environment.key, planning=True)
    operation = OPERATIONS.get(key)
    if operation is None or not operation.fits(target):
        known = ", ".join(each.key for each in operations_of(target))
        raise NotPlannable(f"There is no operation “{key}” for {target.name}. There is: {known}.")
    written = operation.judge(argument) if operation.argument else ""
    asked = Asked(target, hosts_of(target), option and bool(operation.option), written)
    if target.has_maintenance:
        observe_maintenance(target)
    drawn = tuple(operation.draw(asked))
    seconds = sum(step.seconds for step in drawn)
    facts = {
        "operation": key,
        "option": asked.option,
        "argument": asked.argument,
        "hosts": [asdict(host) for host in asked.hosts],
        "warnings": list(operation.warnings(asked)),
        "estimate": Estimate(seconds, seconds * 0.6, seconds * 2, 0).to_json(),
    }
    group = operation.lock.format(group=target.lock_group) or target.lock_group
    title = f"{operation.title} of {target.name}"
    return runs.save_plan(PlanValue(KIND, title, target.service, target.environment.key, group, (_preflight(), *drawn), facts), by=by)


def start_operation(plan: Plan, *, hash: str, confirmation: str, idempotency_key: str, reason: str = "", by: Operator) -> Run:
    """Raises Forbidden, NotStartable, and what `runs.actions.start_run` raises (PlanChanged, LockHeld)."""
    require(by, KIND, plan.environment)
    earlier = Run.objects.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        return earlier
    target = target_of(plan)
    typed = not target.environment.confirm or confirmation.strip() == target.environment.key
    reasons = [] if typed else [f"Type “{target.environment.key}” to confirm."]
    reasons += [f"{gate.title}: {gate.said.rstrip('.')}." for gate in gates_of(plan) if gate.closes]
    if reasons:
        raise NotStartable(reasons)
    return runs.start_run(plan, hash=hash, idempotency_key=idempotency_key, reason=reason, by=by)


def is_one(plan: Plan) -> bool:
    """The safe exit is of the same kind, but begins where it is drawn."""
    return plan.kind == KIND and "operation" in plan.document["facts"]


def gates_of(plan: Plan) -> list[gates.Gate]:
    return gates_now(target_of(plan), plan.document["facts"], plan.lock_group)


def gates_now(target: Target, facts: Mapping[str, Any], group: str, *, own_run: int | None = None) -> list[gates.Gate]:
    """Asked of the world now. What an operation may be there to mend does not close its way."""
    operation = OPERATIONS.get(facts.get("operation", ""))
    wanted = ("lock", "hosts", "healthy", "version", *(operation.gates if operation else ()))
    asked = gates.Asked(replace(target, lock_group=group), [PlannedHost(**host) for host in facts["hosts"]], facts, own_run=own_run)
    found = [gate for gate in gates.of_operation(asked, on_hosts=bool(set(wanted) & set(_ON_HOSTS))) if gate.key in wanted]
    return [replace(gate, state="warn") if gate.key in _TOLERATED and gate.state == "bad" else gate for gate in found]


# -- the operations


def _preflight() -> Step:
    return Step("preflight", "Check everything once more", (Act("operation.gates", "gates", "console"),), _PREFLIGHT, "console", 3)


def _flush(asked: Asked) -> Iterator[Step]:
    yield steps.flush_cache(asked.front)


def _maintenance(asked: Asked, *, on: bool) -> Iterator[Step]:
    yield steps.maintenance(asked.hosts if asked.option else asked.front, on=on)


def _statics(asked: Asked) -> Iterator[Step]:
    """magento.md 3D: beside the old ones under the version that is live, which is changed when all are there."""
    one = asked.front[0]
    version = _live_version(one)
    yield steps.look_at_statics(one)
    if asked.option:
        yield steps.clear_statics(one)
    for statics in asked.target.statics:
        yield steps.generate_statics(one, statics, version="" if asked.option else version)
    if not asked.option:
        yield steps.new_statics_version(one)
    yield steps.flush_cache(asked.front)


def _live_version(host: PlannedHost) -> str:
    found = runner().probe(host.ip, commands.statics_version().argv, deadline=LOOK_SECONDS)
    version = found.out.decode("utf-8", "replace").strip()
    if found.rc != 0 or not version.isalnum():
        raise NotPlannable(f"{host.name} has no readable {commands.STATIC}/deployed_version.txt: tick “delete first”, which needs none.")
    return version


def _restart(asked: Asked) -> Iterator[Step]:
    for tier in asked.target.tiers:
        yield steps.restart(asked.target, tier, [host for host in asked.hosts if host.tier == tier.key])


def _bundles(asked: Asked) -> Iterator[Step]:
    for tier in asked.target.tiers:
        yield steps.fetch_bundles(asked.target, tier, [host for host in asked.hosts if host.tier == tier.key])


def _curtain(asked: Asked, *, on: bool) -> Iterator[Step]:
    place = curtain.place_of(asked.target)
    if place is None:
        raise NotPlannable(
            "No load balancer of the front end is known, so there is no curtain. See the service's page for what AWS last said."
        )
    yield once.close(asked.target, place) if on else once.open_(asked.target, place)


def _roll_again(asked: Asked) -> Iterator[Step]:
    yield once.policy(asked.target, once.ROLLING)
    yield once.start_cron(asked.hosts)


def _logs(asked: Asked) -> Iterator[Step]:
    for tier in asked.target.tiers:
        yield steps.fetch_logs(asked.target, tier, [host for host in asked.hosts if host.tier == tier.key])


def _invalidate(asked: Asked) -> Iterator[Step]:
    yield steps.invalidate([each.name for each in asked.target.cdn], asked.argument)


def _nothing(asked: Asked) -> Iterator[str]:
    yield from ()


def _of_flush(asked: Asked) -> Iterator[str]:
    yield "Every page is made anew for the first visitor after it: the hosts and the database work harder for some minutes."


def _of_on(asked: Asked) -> Iterator[str]:
    yield "Visitors get 503 until somebody takes the shop out of it again; every page of this console says so meanwhile."
    if not asked.option:
        yield "The back office stays open: the admin, imports and cron go on."


def _of_off(asked: Asked) -> Iterator[str]:
    versions = {host.name for host in asked.front}
    yield f"Visitors reach {', '.join(sorted(versions))} at once, whatever code and statics are there: look at the versions below."


def _of_curtain_on(asked: Asked) -> Iterator[str]:
    yield "Visitors get 503 from the load balancer until somebody opens the curtain; every page of this console says so meanwhile."
    yield "Statics and media go on, and testers pass with the header that the run's page shows."


def _of_curtain_off(asked: Asked) -> Iterator[str]:
    yield "Visitors reach the hosts at once, whatever code and database are there: look at the versions below."


def _of_statics(asked: Asked) -> Iterator[str]:
    if asked.option:
        yield "From the deletion until all are generated, pages come without styles and scripts: about three minutes."


def _of_invalidation(asked: Asked) -> Iterator[str]:
    if asked.argument == "/*":
        yield "Every edge asks for every file again: the hosts' load goes up until they have them."
    yield "CloudFront charges for paths beyond a thousand a month; a path with * counts as one."


def _of_bundles(asked: Asked) -> Iterator[str]:
    yield "They are handed on as they are, with secrets and customers in them, for fifteen minutes; each download is recorded."


def _of_restart(asked: Asked) -> Iterator[str]:
    yield "Beanstalk restarts the web servers of all hosts of an environment at the same time: requests may fail for some seconds."


def _is_magento(target: Target) -> bool:
    return target.has_maintenance


def _has_balancer(target: Target) -> bool:
    return target.has_maintenance and target.shop is not None


def _has_statics(target: Target) -> bool:
    return bool(target.statics)


def _has_cdn(target: Target) -> bool:
    return bool(target.cdn)


def _always(target: Target) -> bool:
    return True


_BACK = ("The back office too", "The document means the front end only.")
_PREFLIGHT = "The gates of the plan, asked again now. Reads only."
_LISTED = (
    Operation(
        "flush-caches", "Flush the caches", "cache:flush on each front host, as the document has it.", _flush, _of_flush, _is_magento
    ),
    Operation(
        "maintenance-on",
        "Switch on the maintenance mode",
        "Visitors get 503; each host's own flag is looked at afterwards.",
        lambda asked: _maintenance(asked, on=True),
        _of_on,
        _is_magento,
        *_BACK,
    ),
    Operation(
        "maintenance-off",
        "Switch off the maintenance mode",
        "Opens the shop on each front host; each host's own flag is looked at afterwards.",
        lambda asked: _maintenance(asked, on=False),
        _of_off,
        _is_magento,
        *_BACK,
    ),
    Operation(
        "curtain-on",
        "Draw the curtain",
        "The load balancer answers visitors with 503 itself; the hosts' health checks keep their meaning.",
        lambda asked: _curtain(asked, on=True),
        _of_curtain_on,
        _has_balancer,
        gates=(),
    ),
    Operation(
        "curtain-off",
        "Open the curtain",
        "Removes its rules from every listener, whichever run drew it.",
        lambda asked: _curtain(asked, on=False),
        _of_curtain_off,
        _has_balancer,
        gates=(),
    ),
    Operation(
        "roll-again",
        "Restore the rolling deployments",
        "What a broken-off migration may leave: deployments to all hosts at once, and cron stopped. Puts both back.",
        _roll_again,
        _nothing,
        _has_balancer,
        gates=("ready",),
    ),
    Operation(
        "statics",
        "Generate new statics",
        "Beside the old ones, on one host, for the share is one; the version is changed when all are there.",
        _statics,
        _of_statics,
        _has_statics,
        "Delete the old ones first",
        "As the document does it: pages are without styles meanwhile.",
    ),
    Operation(
        "snapshot",
        "Take a snapshot of the database",
        "A manual one of RDS: it stays until somebody deletes it.",
        lambda asked: iter((once.snapshot(asked.target),)),
        _nothing,
        lambda target: bool(target.database),
        gates=(),
        lock="{group}-snapshot",
    ),
    Operation(
        "invalidate",
        "Make the CDN forget a path",
        "An invalidation in each of its distributions; followed until every edge has done it.",
        _invalidate,
        _of_invalidation,
        _has_cdn,
        gates=(),
        lock="{group}-cdn",
        argument="Path, such as /frontend/* or /*",
        judge=cdn_path,
    ),
    Operation(
        "restart",
        "Restart the application servers",
        "Beanstalk restarts the web server of every host at once; no code is changed.",
        _restart,
        _of_restart,
        _always,
        gates=("ready",),
    ),
    Operation(
        "logs",
        "Fetch the logs",
        "Beanstalk pulls the last lines of each host's logs; they are kept with the run.",
        _logs,
        _nothing,
        _always,
        gates=("ready",),
        lock="{group}-logs",
    ),
    Operation(
        "log-bundles",
        "Fetch all logs",
        "Whole log files of each host as a zip, by Beanstalk; to download for fifteen minutes.",
        _bundles,
        _of_bundles,
        _always,
        gates=("ready",),
        lock="{group}-logs",
    ),
)
OPERATIONS: Mapping[str, Operation] = {operation.key: operation for operation in _LISTED}
