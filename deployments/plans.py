"""Plans that read as the runbook does, top to bottom: hold them against the hand-over document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deployments import steps
from deployments.steps import PlannedHost, Shipment
from estate.definition import Target
from runs.plan import Plan


def magento_as_written(target: Target, hosts: Sequence[PlannedHost], shipment: Shipment, *, release: str, facts: Mapping[str, Any]) -> Plan:
    """“Deployment Process for the Production Environment”, to the letter: facts sheet magento.md 3A, A0 to A8.

    `hosts` are those of every tier; maintenance, statics and caches are the front end's business, as the document has it.
    """
    front = [host for host in hosts if host.tier == target.tiers[-1].key]
    one = front[0]
    return Plan(
        kind="release",
        title=f"Release {target.name}, {release}",
        service=target.service,
        environment=target.environment.key,
        lock_group=target.lock_group,
        facts=facts,
        steps=(
            steps.preflight(target),
            steps.check_versions(target, shipment),
            steps.maintenance(front, on=True),
            steps.build_bundle(target, shipment),
            steps.ship(target, shipment),
            *(steps.deploy(target, tier, [host for host in hosts if host.tier == tier.key], shipment) for tier in target.tiers),
            steps.clear_statics(one),
            *(steps.generate_statics(one, statics, step=f"statics-{statics.area}") for statics in target.statics),
            steps.flush_cache(front),
            steps.maintenance(front, on=False),
            steps.verify(target, hosts, shipment),
        ),
    )
