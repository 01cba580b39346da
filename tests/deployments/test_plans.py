from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deployments import plans
from deployments.steps import PlannedHost, Shipment
from deployments.strategies import plans as aware
from deployments.strategies.draining import Enough
from estate.definition import Target
from estate.reading import load
from runs.effects import kinds
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


def _deploys(plan: Plan) -> dict[str, float]:
    return {step.key: step.seconds for step in plan.steps if step.key.startswith("deploy-")}


def test_hosts_that_were_given_longer_to_drain_take_longer_as_written_too() -> None:
    wanted = plans.Wanted(_target(), [BACK, *FRONT], SHIPMENT, "master", "r418")
    usual, longer = _deploys(plans.magento(wanted)), _deploys(plans.magento(replace(wanted, drain={"back": 20, "front": 60})))
    assert {key: longer[key] - usual[key] for key in usual} == {"deploy-back": 0, "deploy-front": 4 * 40}
    assert usual == _deploys(_plan())


def test_only_hosts_of_which_others_serve_are_given_longer_to_drain() -> None:
    """By a kind of effect that workers of before do not know: they would set the option in another namespace."""
    wanted = plans.Wanted(_target(), [BACK, *FRONT], SHIPMENT, "master", "r418", drain={"back": 30, "front": 20})
    prepared = aware.Prepared("bucket", "key", "statics", "build", "roll")
    left = aware.release(wanted, prepared, None)
    asked = aware.release(wanted, replace(prepared, drain={"front": Enough(60, "Front end: its load balancer waits 60 s.")}), None)

    assert "drain" not in [step.key for step in left.steps]
    (step,) = (step for step in asked.steps if step.key == "drain")
    assert (step.title, step.where) == ("Give a host that leaves 60 s for the requests under way there", "client-magento-prod")
    assert step.note.endswith("Front end: its load balancer waits 60 s.")
    (act,) = step.acts
    assert (act.kind, act.target, act.params["options"]) == ("beanstalk.option", "client-magento-prod", {"DeregistrationDelay": "60"})
    assert "beanstalk.option" in kinds()
    assert {key: _deploys(asked)[key] - seconds for key, seconds in _deploys(left).items()} == {"deploy-back": 0, "deploy-front": 4 * 40}
    longer = replace(wanted, drain={"back": 30, "front": 90})
    assert _deploys(aware.release(longer, prepared, None)) == {"deploy-back": 185 + 30 + 10, "deploy-front": 4 * (185 + 90) + 10}


def test_another_commit_is_another_hash() -> None:
    other = Shipment("r418-a91c3e7", "bucket", "ops-console/x.zip", "ab" * 32, "a9" * 20, "c1" * 20, "prod")
    changed = plans.magento_as_written(_target(), [BACK, *FRONT], other, code_branch="master", close_back_office=False, release="r418")
    assert changed.hash != _plan().hash
