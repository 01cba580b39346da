"""Going back to an earlier release against the estate in a box: where the database fits it, and refused where it has moved."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from deployments import actions, doors, rollback, schema, standing
from deployments.actions import Choice, NotPlannable, NotStartable
from deployments.models import Standing
from estate.definition import Target
from estate.models import Host
from estate.reading import current
from people.models import Operator
from runs.models import Run
from tests import box
from tests.working import at_rest, through, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def _target(service: str) -> Target:
    """At rest, with the runner on its host."""
    target = current().target(service, "production")
    until(lambda: at_rest(target))
    for host in Host.objects.filter(service=service, gone=None):
        doors.runner().install(str(host.private_ip))
    return target


def _released(plan: Any, by: Operator) -> Run:
    words: dict[str, Any] = {"hash": plan.hash, "confirmation": "production", "idempotency_key": uuid.uuid4().hex, "by": by}
    return through(actions.start_release(plan, **words))


def test_a_version_that_was_not_built_here_is_deployed_again_where_the_database_fits(
    control: box.Control, releaser: Operator, client: Client
) -> None:
    target = _target("custom-connection")
    assert _released(actions.plan_release(target, Choice(), by=releaser), releaser).state == Run.State.SUCCEEDED
    _target("custom-connection")
    before = next(each for each in rollback.earlier_of(target) if not each.ours)
    assert before.label.startswith("custom-connection-r8-")

    client.force_login(releaser)
    page = client.get("/services/custom-connection/production/earlier").content.decode()
    assert before.label in page
    assert "nothing since" in page

    made = client.post("/services/custom-connection/production/plan/", {"release": str(before.number)})
    assert made.status_code == 302, made.content.decode()[:3000]
    plan = rollback.plan_again(target, Choice(release=before.number), by=releaser)
    facts = plan.document["facts"]
    assert [step["key"] for step in plan.document["steps"]][:2] == ["preflight", "on-shelf"]
    assert not {"build", "ship"} & {step["key"] for step in plan.document["steps"]}
    assert facts["bundle"]["files"] > 5, "its bundle's list was read"
    assert any("commits back" in warning for warning in facts["warnings"])
    gate = next(gate for gate in actions.gates_of(plan) if gate.key == "schema")
    assert gate.state == "ok", gate

    assert _released(plan, releaser).state == Run.State.SUCCEEDED
    assert Host.objects.get(service="custom-connection", gone=None).version == before.label
    assert client.get(f"/plans/{plan.pk}/").status_code == 200


def test_it_is_refused_with_the_reason_where_the_schema_has_moved(control: box.Control, releaser: Operator, client: Client) -> None:
    target = _target("pim")
    assert _released(actions.plan_release(target, Choice(), by=releaser), releaser).state == Run.State.SUCCEEDED
    _target("pim")
    before = next(each for each in rollback.earlier_of(target) if not each.ours)
    plan = rollback.plan_again(target, Choice(release=before.number), by=releaser)
    gate = next(gate for gate in actions.gates_of(plan) if gate.key == "schema")
    assert gate.state == "bad"
    assert "the schema has moved" in gate.said
    assert any("src/Entity/Product.php" in line for line in gate.evidence)
    with pytest.raises(NotStartable, match="the schema has moved"):
        _released(plan, releaser)
    client.force_login(releaser)
    page = client.get("/services/pim/production/earlier").content.decode()
    assert "src/Entity/Product.php" in page
    assert "the database fits it (“" not in page, "what each host says stands in the table, not below each release again"
    assert "disabled" in page


def test_a_release_that_never_was_here_is_named(control: box.Control, releaser: Operator, client: Client) -> None:
    target = _target("mirakl-cashout")
    with pytest.raises(NotPlannable, match="no release r999"):
        rollback.plan_again(target, Choice(release=999), by=releaser)
    client.force_login(releaser)
    refused = client.post("/services/mirakl-cashout/production/plan/", {"release": "999"})
    assert refused.status_code == 422
    assert "no release r999" in refused.content.decode()


def test_what_hosts_say_outweighs_what_the_repository_tells(db: None) -> None:
    """No mirror is asked where a host runs the very release."""
    target = current().target("magento", "production")

    def stands(host: str, version: str, said: str) -> Standing:
        row = {"service": "magento", "environment": "production", "instance_id": f"i-{host}", "seen": timezone.now()}
        return Standing(**row, host=host, version=version, schema=said)

    moved = [stands("be", "r418-a91c3e7", "fits"), stands("fe-3", "r417-3f80d2b", "differs")]
    assert schema.verdict(target, "3" * 40, "r417-3f80d2b", moved).state == "bad"
    same = [stands("be", "r418-a91c3e7", "fits"), stands("fe-3", "r417-3f80d2b", "fits")]
    assert schema.verdict(target, "3" * 40, "r417-3f80d2b", same).state == "ok"
    none = [stands("be", "r418-a91c3e7", "differs")]
    assert schema.verdict(target, "3" * 40, "r417-3f80d2b", none).state == "bad"
    silent = [stands("be", "r418-a91c3e7", "unknown")]
    assert schema.verdict(target, "3" * 40, "r417-3f80d2b", silent).state == "unknown"
    assert schema.verdict(target, "3" * 40, "r417-3f80d2b", []).state == "unknown"


def test_every_host_is_asked_and_one_that_cannot_be_is_unknown(control: box.Control) -> None:
    target = _target("custom-connection")
    (asked,) = standing.look(target)
    assert (asked.schema, asked.problem) == ("fits", "")
    assert "exit code 0" in asked.schema_said
    control.act("host-key-changed", host="custom-1")
    doors.door().close()
    (silent,) = standing.look(target)
    assert silent.schema == "unknown"
    assert silent.problem
