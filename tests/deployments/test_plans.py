from __future__ import annotations

from pathlib import Path

from deployments import plans
from deployments.steps import PlannedHost, Shipment
from estate.definition import Target
from estate.reading import load
from runs.plan import Plan

SHIPMENT = Shipment("r418-a91c3e7", "bucket", "ops-console/x.zip", "ab" * 32, "a9" * 20, "b1" * 20, "prod")
BACK = PlannedHost("be", "i-0c41f7be92d5a3e18", "10.0.101.40", "back", "client-magento-prod-bo")
FRONT = [PlannedHost(f"fe-{n}", f"i-0000000000000000{n}", f"10.0.101.{n}", "front", "client-magento-prod") for n in (1, 2, 3, 4)]


def _target() -> Target:
    return load(Path("estate.yaml")).target("magento", "production")


def _plan(*, close_back_office: bool = False) -> Plan:
    return plans.magento_as_written(
        _target(), [BACK, *FRONT], SHIPMENT, code_branch="master", close_back_office=close_back_office, release="r418"
    )


def test_the_plan_reads_as_the_runbook() -> None:
    assert [step.key for step in _plan().steps] == [
        "preflight",
        "check-versions",
        "maintenance-on",
        "build",
        "ship",
        "deploy-back",
        "deploy-front",
        "clear-statics",
        "statics-frontend",
        "statics-adminhtml",
        "flush-cache",
        "maintenance-off",
        "verify",
    ]


def _targets(plan: Plan, step: str) -> list[str]:
    return [act.target for found in plan.steps if found.key == step for act in found.acts]


def test_maintenance_is_the_four_front_hosts_and_the_back_office_by_choice_only() -> None:
    assert _targets(_plan(), "maintenance-on") == ["fe-1", "fe-2", "fe-3", "fe-4"]
    assert _targets(_plan(close_back_office=True), "maintenance-off") == ["be", "fe-1", "fe-2", "fe-3", "fe-4"]


def test_statics_are_touched_on_one_host_only_for_the_share_is_one() -> None:
    plan = _plan()
    touched = {target for step in ("clear-statics", "statics-frontend", "statics-adminhtml") for target in _targets(plan, step)}
    assert touched == {"fe-1"}


def test_the_mount_is_proven_before_anything_is_deleted() -> None:
    clear = next(step for step in _plan().steps if step.key == "clear-statics")
    assert not clear.parallel
    assert [act.kind for act in clear.acts] == ["host.look", "host.look", "host.command"]


def test_keys_are_unique_and_the_stored_plan_is_the_plan() -> None:
    plan = _plan()
    keys = [act.key for act in plan.acts]
    assert len(keys) == len(set(keys))
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.to_json()).hash == plan.hash


def test_another_commit_is_another_hash() -> None:
    other = Shipment("r418-a91c3e7", "bucket", "ops-console/x.zip", "ab" * 32, "a9" * 20, "c1" * 20, "prod")
    changed = plans.magento_as_written(_target(), [BACK, *FRONT], other, code_branch="master", close_back_office=False, release="r418")
    assert changed.hash != _plan().hash
