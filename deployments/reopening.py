"""The safe exit: taking the shop out of maintenance mode where nobody else does, by a small plan of its own.

It gives back the state that was there before: the hosts on which the flag is seen now, and no others. Where that could do harm it is
refused, until the person who presses says why it is right all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from deployments import steps
from deployments.steps import PlannedHost
from estate.definition import Target
from estate.maintenance import observe_maintenance
from estate.models import Host
from people.models import Operator
from people.permissions import require
from runs import actions as runs
from runs.models import Effect, Run
from runs.plan import Plan

KIND = "operation"


class NothingToTakeOut(runs.Refusal):
    """No host says that it is in maintenance mode."""


class Risky(runs.Refusal):
    """It could do harm: `risks`, a sentence each."""

    def __init__(self, risks: tuple[str, ...]) -> None:
        super().__init__(" ".join(risks))
        self.risks = risks


@dataclass(frozen=True, slots=True)
class WayOut:
    """`holder` is a run that has ended and still holds the lock: this one takes it over."""

    hosts: tuple[PlannedHost, ...]
    risks: tuple[str, ...]
    holder: Run | None


def way_out(target: Target) -> WayOut:
    """As the hosts say now: they are asked."""
    observe_maintenance(target)
    place = {"service": target.service, "environment": target.environment.key}
    living = list(Host.objects.filter(**place, gone=None, state="running").order_by("tier", "name"))
    closed = [host for host in living if host.maintenance == "on"]
    hosts = tuple(PlannedHost(host.name, host.pk, str(host.private_ip), host.tier, host.beanstalk) for host in closed)
    holder = Run.objects.filter(lock_group=target.lock_group, holds_lock=True).first()
    return WayOut(hosts, tuple(_risks(target, living)), holder if holder is not None and not holder.is_active else None)


def take_out(target: Target, *, idempotency_key: str, reason: str = "", accepted: bool = False, by: Operator) -> Run:
    """Plans it and starts it. Raises Forbidden, NothingToTakeOut, Risky (unless accepted, with a reason), LockHeld, KeyReused."""
    require(by, KIND, target.environment.key)
    earlier = runs.begun_before(idempotency_key, kind=KIND, service=target.service, environment=target.environment.key)
    if earlier is not None:
        return earlier
    way = way_out(target)
    if not way.hosts:
        raise NothingToTakeOut(f"No host of {target.name} says that it is in maintenance mode. Nothing has been changed.")
    if way.risks and not (accepted and reason.strip()):
        raise Risky(way.risks)
    made = runs.save_plan(plan(target, way), by=by)
    holder = way.holder.number if way.holder else None
    return runs.start_run(made, hash=made.hash, idempotency_key=idempotency_key, reason=reason.strip(), takes_over=holder, by=by)


def plan(target: Target, way: WayOut) -> Plan:
    """One step, on the hosts where the flag was seen."""
    return Plan(
        kind=KIND,
        title=f"Take {target.name} out of maintenance mode",
        service=target.service,
        environment=target.environment.key,
        lock_group=target.lock_group,
        steps=(steps.maintenance(way.hosts, on=False),),
        facts={"hosts": [asdict(host) for host in way.hosts], "risks": list(way.risks)},
    )


def _risks(target: Target, living: list[Host]) -> Iterator[str]:
    versions: dict[str, list[str]] = {}
    for host in living:
        versions.setdefault(host.version or "unknown", []).append(host.name)
    if len(versions) > 1:
        told = "; ".join(f"{version} on {', '.join(names)}" for version, names in sorted(versions.items()))
        yield f"Hosts have different versions ({told}): visitors would meet all of them."
    release = Run.objects.filter(kind="release", service=target.service, environment=target.environment.key).order_by("-number").first()
    if release is not None and release.state in (Run.State.FAILED, Run.State.CANCELLED, Run.State.UNKNOWN):
        begun = Effect.objects.filter(run=release, kind="beanstalk.update").exclude(state=Effect.State.PLANNED)
        if begun.exists():
            yield (
                f"Run {release.number} ended as {release.state} after its deployment had begun: the database may be migrated for "
                f"{release.plan.document['facts'].get('label', 'another version')}, and code of another version answers with errors on it."
            )
