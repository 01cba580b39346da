"""Plans that read as the runbook does, top to bottom: hold them against the hand-over document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployments import steps
from deployments.steps import DRAIN_SECONDS, PlannedHost, Shipment
from estate.definition import Target
from runs.plan import Plan, Step


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is drawn from. `release` is its name for people; `code_branch` is "" for a release that is deployed again.

    `drain`: by the tier's key, the seconds that a host which leaves drains as it stands; Beanstalk's default where it is not told.
    """

    target: Target
    hosts: Sequence[PlannedHost]
    shipment: Shipment
    code_branch: str
    release: str
    close_back_office: bool = False
    drain: Mapping[str, int] = field(default_factory=dict)


def magento_as_written(
    target: Target,
    hosts: Sequence[PlannedHost],
    shipment: Shipment,
    *,
    code_branch: str,
    close_back_office: bool,
    release: str,
    drain: Mapping[str, int] | None = None,
) -> Plan:
    """“Deployment Process for the Production Environment”, to the letter: fact sheet magento.md 3A, A0 to A8.

    Maintenance, statics and caches are the front end's business, as the document has it; `close_back_office` is the tick that it lacks.
    `code_branch` is "" for a release that is deployed again: it is pinned, whatever its branches have become.
    """
    front = [host for host in hosts if host.tier == target.tiers[-1].key]
    closed = list(hosts) if close_back_office else front
    one = front[0]
    return Plan(
        kind="release",
        title=f"Release {target.name}, {release}",
        service=target.service,
        environment=target.environment.key,
        lock_group=target.lock_group,
        steps=(
            steps.preflight(),
            *([steps.check_versions(target, shipment, code_branch)] if code_branch else []),
            steps.maintenance(closed, on=True),
            steps.build_bundle(target, shipment),
            steps.ship(target, shipment),
            *(
                steps.deploy(
                    target,
                    tier,
                    [host for host in hosts if host.tier == tier.key],
                    shipment,
                    drain=(drain or {}).get(tier.key, DRAIN_SECONDS),
                )
                for tier in target.tiers
            ),
            steps.clear_statics(one),
            *(steps.generate_statics(one, statics) for statics in target.statics),
            steps.flush_cache(front),
            steps.maintenance(closed, on=False),
            steps.verify(target, hosts, shipment),
        ),
    )


def magento(wanted: Wanted) -> Plan:
    """By the only strategy that there is."""
    return magento_as_written(
        wanted.target,
        wanted.hosts,
        wanted.shipment,
        code_branch=wanted.code_branch,
        close_back_office=wanted.close_back_office,
        release=wanted.release,
        drain=wanted.drain,
    )


def simple(wanted: Wanted) -> Plan:
    """“2. PIM”, “3. Custom Connection Application” and “4. Mirakl-HiPay Connector”: Beanstalk does it, then it is looked at."""
    target, shipment = wanted.target, wanted.shipment
    return Plan(
        kind="release",
        title=f"Release {target.name}, {wanted.release}",
        service=target.service,
        environment=target.environment.key,
        lock_group=target.lock_group,
        steps=(
            steps.preflight(),
            *([steps.check_versions(target, shipment, wanted.code_branch)] if wanted.code_branch else []),
            steps.build_bundle(target, shipment),
            steps.ship(target, shipment),
            *([steps.no_payout(target, wanted.hosts)] if target.money else []),
            *(steps.roll_out(target, tier, [host for host in wanted.hosts if host.tier == tier.key], shipment) for tier in target.tiers),
            *([steps.prove(target, wanted.hosts)] if target.proofs else []),
            steps.verify(target, wanted.hosts, shipment),
        ),
    )


def from_shelf(plan: Plan, on_shelf: Step) -> Plan:
    """The same plan for a bundle that is there already: a look in the place of building and shipping."""
    made = [step for step in plan.steps if step.key not in ("build", "ship", "check-versions")]
    return replace(plan, steps=(made[0], on_shelf, *made[1:]))


def with_facts(plan: Plan, timed_steps: tuple[Step, ...], facts: Mapping[str, Any]) -> Plan:
    """The same plan with the times of its steps and everything that is known besides."""
    return replace(plan, steps=timed_steps, facts=facts)
