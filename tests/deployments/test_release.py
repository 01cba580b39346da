"""Releases against the estate in a box, over its wires: the plan, what refuses it, one that fails on host 2, and the relaunch."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from deployments import actions, doors
from deployments.actions import Choice, NotStartable
from deployments.failure import failure
from deployments.models import Evidence, Release
from estate.definition import Target
from estate.models import Host, ShopAnswer
from estate.reading import current
from monitoring import prober
from people.models import Operator
from people.permissions import Forbidden
from remote.errors import NotFound
from runs.models import Plan, Run
from tests import box
from tests.working import at_rest, through, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
SPEED = 200


@pytest.fixture
def production(control: box.Control) -> Target:
    target = current().target("magento", "production")
    until(lambda: at_rest(target), 60)
    for host in Host.objects.filter(service="magento", environment="production"):
        doors.runner().install(str(host.private_ip))
    return target


def _start(plan: Plan, by: Operator, **more: Any) -> Run:
    words: dict[str, Any] = {"hash": plan.hash, "confirmation": "production", "idempotency_key": uuid.uuid4().hex, "by": by}
    return actions.start_release(plan, **(words | more))


def test_a_release_that_fails_on_host_2_names_it_and_its_relaunch_opens_the_shop(
    production: Target, control: box.Control, releaser: Operator
) -> None:
    plan = actions.plan_release(production, Choice(configuration="master"), by=releaser)
    facts = plan.document["facts"]
    assert facts["release"] == "r418"
    assert facts["previous_label"].startswith("r417-")
    assert len(facts["magento"]["commits"]) == 4
    assert facts["choice"]["branch"] == "master"
    assert set(facts["choice"]["other"]) == {"prod", "prebuilt"}
    assert {edit["path"] for edit in facts["edits"]} == {".user.ini", "pub/.user.ini", ".htaccess", "pub/.htaccess"}
    assert all(gate.state == "ok" for gate in actions.gates_of(plan)), actions.gates_of(plan)

    control.fault("command-fails", "fe-2")
    failed = through(_start(plan, releaser), beside=prober.probe)

    assert failed.state == Run.State.FAILED
    assert failed.holds_lock
    assert "fe-2" in failed.said
    assert "10.0.102.37" in failed.said
    evidence = Evidence.objects.get(run=failed)
    assert (evidence.instance_id, evidence.path) == ("i-012e92fb498ad40d7", "/var/log/eb-activity.log")
    told = failure(failed, by=releaser, refuted="")
    assert told is not None
    assert told.host == "fe-2"
    assert told.activity[-1].startswith("Command ")
    assert any(line.mark == "hit" for line in told.excerpt)
    assert {row.host: row.state for row in told.rows} == {"be": "new", "fe-1": "new", "fe-2": "half", "fe-3": "old", "fe-4": "old"}
    assert told.ssh.startswith("ssh 10.0.102.37 ")

    other = actions.plan_release(production, Choice(configuration="master"), by=releaser)
    with pytest.raises(NotStartable, match=f"run {failed.number}"):
        _start(other, releaser)

    again = actions.plan_release(production, Choice(configuration="master"), relaunch_of=failed, by=releaser)
    assert again.document["facts"]["label"] == facts["label"], "the same bundle is the same release"
    relaunched = through(_start(again, releaser), beside=prober.probe)

    assert relaunched.state == Run.State.SUCCEEDED, relaunched.said
    assert not Run.objects.filter(holds_lock=True).exists()
    hosts = Host.objects.filter(service="magento", environment="production", gone=None)
    assert {host.version for host in hosts} == {facts["label"]}
    assert ShopAnswer.objects.latest("time").state == ShopAnswer.State.OPEN
    assert Release.objects.count() == 1


def test_who_may_plan_what(production: Target, operator: Operator, releaser: Operator, control: box.Control) -> None:
    with pytest.raises(Forbidden, match="releaser"):
        actions.plan_release(production, Choice(), by=operator)
    assert actions.plan_release(production, Choice(), by=releaser).environment == "production"


@pytest.mark.parametrize(
    ("branch", "error"), [("no-such-branch", NotFound), ("-upload-pack=id", ValidationError), ("a b", ValidationError)]
)
def test_a_branch_that_cannot_be_is_named_and_nothing_is_made(
    production: Target, releaser: Operator, branch: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match="branch"):
        actions.plan_release(production, Choice(code=branch), by=releaser)
    assert not Plan.objects.exists()
    assert actions.plan_release(production, Choice(code="develop"), by=releaser).document["facts"]["magento"]["branch"] == "develop"


def test_production_is_typed(production: Target, releaser: Operator) -> None:
    plan = actions.plan_release(production, Choice(), by=releaser)
    with pytest.raises(NotStartable, match="Type “production”"):
        _start(plan, releaser, confirmation="prod")
    assert not Run.objects.exists()


def test_a_changed_host_key_is_refused_before_anything_else(production: Target, releaser: Operator, control: box.Control) -> None:
    plan = actions.plan_release(production, Choice(), by=releaser)
    control.act("host-key-changed", host="fe-3")
    doors.door().close()
    with pytest.raises(NotStartable, match="fe-3"):
        _start(plan, releaser)
    gate = next(gate for gate in actions.gates_of(plan) if gate.key == "reach")
    assert gate.state == "unknown"
    assert "key" in gate.evidence[0]
    control.clear()
    assert next(gate for gate in actions.gates_of(plan) if gate.key == "reach").state == "ok"
