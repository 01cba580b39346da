"""Small operations: what their plans are, who may, what refuses them, and each of them against the estate in a box."""

from __future__ import annotations

import io
import uuid
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from deployments import doors, operations
from deployments.actions import NotPlannable, NotStartable
from deployments.effects.beanstalk import LATE_ANSWER, UpdateEnvironment
from deployments.effects.servers import FetchBundles, FetchLogs
from deployments.models import Evidence
from estate import maintenance, observe
from estate.definition import Target
from estate.models import BeanstalkEnvironment, Host
from estate.reading import current
from people.models import AuditEntry, Operator
from people.permissions import Forbidden
from remote.aws import beanstalk, databases, invalidations
from remote.errors import Refused
from runs.effects import Context, Failed, Finding, NotDone, Running
from runs.models import Effect, Plan, Run
from runs.plan import Act
from tests import box
from tests.scenery import Silent
from tests.working import at_rest, through, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def preproduction(control: box.Control) -> Target:
    """One front host and the back office: the smallest Magento that there is."""
    target = current().target("magento", "pre-production")
    until(lambda: at_rest(target), 60)
    for host in Host.objects.filter(environment="pre-production"):
        doors.runner().install(str(host.private_ip))
    return target


def _start(plan: Plan, by: Operator, **more: Any) -> Run:
    words: dict[str, Any] = {"hash": plan.hash, "confirmation": plan.environment, "idempotency_key": uuid.uuid4().hex, "by": by}
    return operations.start_operation(plan, **(words | more))


def _done(target: Target, key: str, by: Operator, *, option: bool = False) -> Run:
    run = through(_start(operations.plan_operation(target, key, option=option, by=by), by))
    assert run.state == Run.State.SUCCEEDED, run.said
    return run


def _lines(plan: Plan) -> list[str]:
    return [f"{act['target']}: {' '.join(act['argv'])}" for step in plan.document["steps"] for act in step["acts"] if act["argv"]]


def test_maintenance_on_and_off_is_seen_on_the_hosts(preproduction: Target, operator: Operator) -> None:
    Host.objects.update(maintenance="off", maintenance_seen=timezone.now())
    _done(preproduction, "maintenance-on", operator, option=True)
    kept = Host.objects.filter(environment="pre-production").values_list("name", "maintenance")
    assert dict(kept) == {"pp-fe-1": "on", "pp-be": "on"}, "the run's own page shows what its last look saw"
    until(lambda: _flags(preproduction) == {"pp-fe-1": "on", "pp-be": "on"}, 15)
    _done(preproduction, "maintenance-off", operator)  # the back office only where it was ticked
    until(lambda: _flags(preproduction) == {"pp-fe-1": "off", "pp-be": "on"}, 15)
    _done(preproduction, "maintenance-off", operator, option=True)


def _flags(target: Target) -> dict[str, str]:
    """As the hosts say by now; a second look within one second is none, so it is asked again."""
    maintenance.observe_maintenance(target)
    return dict(Host.objects.filter(environment=target.environment.key).values_list("name", "maintenance"))


def _statics(ready: dict[str, str]) -> Path:
    """The share of the NFS server, as no host changes it by unmounting."""
    return Path(ready["ssh_config"]).parents[1] / "nfs/preprod/magento-statics"


def test_statics_are_generated_beside_the_old_ones_and_then_get_a_new_version(
    preproduction: Target, operator: Operator, ready: dict[str, str]
) -> None:
    share = _statics(ready)
    before = (share / "deployed_version.txt").read_text()
    (share / "frontend/Client/dlm/fr_FR/css/styles-m.css").write_text("/* damaged */")
    plan = operations.plan_operation(preproduction, "statics", by=operator)
    lines = _lines(plan)
    assert not any(" rm " in line for line in lines), "nothing is deleted"
    assert sum(f"--content-version={before}" in line for line in lines) == 2
    assert lines[-2].endswith("--refresh-content-version-only")
    assert lines[-1].endswith("cache:flush")

    assert through(_start(plan, operator)).state == Run.State.SUCCEEDED

    assert (share / "deployed_version.txt").read_text() != before
    assert (share / ".htaccess").exists()
    assert "damaged" not in (share / "frontend/Client/dlm/fr_FR/css/styles-m.css").read_text()


def test_the_documents_way_deletes_first_where_it_is_ticked(preproduction: Target, operator: Operator) -> None:
    plan = operations.plan_operation(preproduction, "statics", option=True, by=operator)
    keys = [step["key"] for step in plan.document["steps"]]
    assert keys == [
        "preflight",
        "look-at-statics",
        "clear-statics",
        "statics-frontend",
        "statics-adminhtml",
        "flush-cache",
    ]
    assert not any("--content-version" in line for line in _lines(plan))
    assert any("without styles" in warning for warning in plan.document["facts"]["warnings"])


def test_servers_are_restarted_once_and_the_environment_is_ready_again(preproduction: Target, operator: Operator) -> None:
    run = _done(preproduction, "restart", operator)
    assert {effect.target for effect in Effect.objects.filter(run=run, kind="beanstalk.restart")} == {
        "client-magento-preprod",
        "client-magento-preprod-bo",
    }
    assert Effect.objects.filter(run=run, kind="beanstalk.restart", attempt=1).count() == 2


def test_a_restart_that_somebody_elses_deployment_meets_is_refused(
    preproduction: Target, control: box.Control, operator: Operator, ready: dict[str, str]
) -> None:
    statics = _statics(ready)
    plan = operations.plan_operation(preproduction, "restart", by=operator)
    control.speed(20)
    control.act("someone-else", environment="client-magento-preprod")
    until(lambda: not at_rest(preproduction) and BeanstalkEnvironment.objects.filter(status="Updating").exists())
    with pytest.raises(NotStartable, match="someone else is deploying"):
        _start(plan, operator)
    control.speed(300)
    until(lambda: at_rest(preproduction))
    assert through(_start(plan, operator)).state == Run.State.SUCCEEDED
    assert (statics / "deployed_version.txt").is_file(), "what is live unmounts the shares before it is replaced"


def test_logs_are_fetched_kept_and_can_be_downloaded(preproduction: Target, operator: Operator, client: Client) -> None:
    run = _done(preproduction, "logs", operator)
    assert set(Evidence.objects.filter(run=run).values_list("host", flat=True)) == {"pp-fe-1", "pp-be"}
    client.force_login(operator)
    page = client.get(f"/runs/{run.number}/")
    assert "Download all as text" in page.content.decode()
    text = client.get(f"/runs/{run.number}/evidence").content.decode()
    assert "==> pp-fe-1" in text
    assert "/var/log/eb-engine.log" in text


@pytest.mark.parametrize(("kind", "minutes"), [(FetchLogs(), 1), (FetchBundles(), 2)])
def test_how_long_logs_are_waited_for_counts_from_the_answer_to_the_request(
    sandbox: dict[str, str], kind: FetchLogs | FetchBundles, minutes: int
) -> None:
    """Nobody has asked PIM's hosts for theirs. Who takes a run over asks long after the intent; a lost request is made again soon."""
    now = timezone.now()
    act = Act("", "", "", params={"beanstalk": "client-pim", "hosts": {"i-0b1c2d3e4f5a69788": {"name": "pim-1", "ip": "10.0.101.9"}}})

    def asked(*, intent: float, accepted: float | None = None) -> Finding:
        answer = {} if accepted is None else {"accepted": (now - timedelta(seconds=accepted)).isoformat()}
        return kind.probe(act, Context(1, 1, {}, now - timedelta(seconds=intent), answer, lambda host: Silent(), lambda: False, 0.0))

    assert isinstance(asked(intent=5), Running)
    assert isinstance(asked(intent=LATE_ANSWER.total_seconds() + 1), NotDone)
    assert isinstance(asked(intent=3600, accepted=5), Running)
    failed = asked(intent=3600, accepted=60 * minutes + 1)
    assert isinstance(failed, Failed)
    assert failed.said == f"pim-1 sent no logs within {minutes} min"


def test_a_request_that_arrives_after_all_is_not_somebody_elses(sandbox: dict[str, str]) -> None:
    """Its answer was lost, it was slow on its way, and it was made again."""
    target = current().target("custom-connection", "production")  # nobody else here deploys to it
    name, intent = target.tiers[0].beanstalk, timezone.now()
    label = beanstalk.environment(name).version
    beanstalk.update(name, label, "late")
    context = Context(1, 1, {}, intent, {}, lambda host: Silent(), lambda: False, 0.0)
    assert UpdateEnvironment().do(Act("", "", "", params={"beanstalk": name, "label": label}), context)["accepted"]
    other = next(each.label for each in beanstalk.versions(target.application) if each.label != label)
    with pytest.raises(Refused, match=f"Somebody else is deploying to {name}"):
        UpdateEnvironment().do(Act("", "", "", params={"beanstalk": name, "label": other}), context)
    later = replace(context, intent_at=intent + timedelta(hours=1))
    with pytest.raises(Refused, match=f"Somebody else is deploying to {name}"):
        UpdateEnvironment().do(Act("", "", "", params={"beanstalk": name, "label": label}), later)


def test_logs_do_not_wait_for_the_lock_of_a_run_that_failed(preproduction: Target, operator: Operator) -> None:
    held = _start(operations.plan_operation(preproduction, "flush-caches", by=operator), operator)
    Run.objects.filter(pk=held.pk).update(state=Run.State.FAILED)
    with pytest.raises(NotStartable, match=f"run {held.number}"):
        _start(operations.plan_operation(preproduction, "flush-caches", by=operator), operator)
    _done(preproduction, "logs", operator)
    Run.objects.filter(pk=held.pk).update(holds_lock=False)
    _done(preproduction, "flush-caches", operator)


def test_who_may_operate_where(preproduction: Target, operator: Operator, releaser: Operator, viewer: Operator) -> None:
    with pytest.raises(Forbidden, match="operator"):
        operations.plan_operation(preproduction, "logs", by=viewer)
    assert operations.plan_operation(preproduction, "logs", by=operator).kind == "operation"
    production = current().target("magento", "production")
    with pytest.raises(Forbidden, match="releaser"):
        operations.plan_operation(production, "logs", by=operator)
    plan = operations.plan_operation(production, "logs", by=releaser)
    with pytest.raises(NotStartable, match="Type “production”"):
        _start(plan, releaser, confirmation="")


def test_what_an_application_does_not_have_is_not_offered(preproduction: Target, operator: Operator, releaser: Operator) -> None:
    pim = current().target("pim", "production")
    assert [operation.key for operation in operations.operations_of(pim)] == ["restart", "logs", "log-bundles"]
    with pytest.raises(NotPlannable, match="There is: restart, logs, log-bundles"):
        operations.plan_operation(pim, "statics", by=releaser)
    with pytest.raises(NotPlannable, match="no operation “drop-tables”"):
        operations.plan_operation(preproduction, "drop-tables", by=operator)


def test_the_pages_plan_and_start_one(preproduction: Target, operator: Operator, viewer: Operator, client: Client) -> None:
    client.force_login(viewer)
    address = "/services/magento/pre-production/"
    page = client.get(address).content.decode()
    assert "Flush the caches" in page
    assert "disabled" in page
    assert client.post(f"{address}operations/flush-caches/").status_code == 403
    client.force_login(operator)
    made = client.post(f"{address}operations/flush-caches/")
    assert made.status_code == 302
    plan = Plan.objects.get()
    shown = client.get(made["Location"]).content.decode()
    assert "bin/magento cache:flush" in shown
    gates = client.get(f"/plans/{plan.pk}/gates").content.decode()
    assert "Flush the caches of Magento pre-production" in gates
    began = client.post(f"/plans/{plan.pk}/start/", {"hash": plan.hash, "idempotency_key": "one-key-of-a-test"})
    run = Run.objects.get()
    assert began["Location"] == f"/runs/{run.number}/"
    assert through(run).state == Run.State.SUCCEEDED
    assert "What is on which host" in client.get(f"/runs/{run.number}/").content.decode()


def test_the_cdn_forgets_a_path_in_each_distribution(control: box.Control, releaser: Operator, client: Client) -> None:
    production = current().target("magento", "production")
    until(lambda: _knows_all(production), 60)
    plan = operations.plan_operation(production, "invalidate", argument="/frontend/*", by=releaser)
    run = through(_start(plan, releaser))
    assert run.state == Run.State.SUCCEEDED, run.said
    assert set(Effect.objects.filter(run=run, kind="cdn.invalidate").values_list("target", flat=True)) == {
        each.name for each in production.cdn
    }
    found = [
        invalidations.find(
            invalidations.distribution_of(effect.target), f"opsconsole-run-{run.number}-{run.created:%Y%m%d%H%M%S}-{effect.key}"
        )
        for effect in Effect.objects.filter(run=run, kind="cdn.invalidate")
    ]
    assert all(each is not None and each.done for each in found)
    for hostile in ("frontend", "/a b", "/a*b", "/$(id)", "", "/" + "x" * 300):
        with pytest.raises(ValidationError):
            operations.plan_operation(production, "invalidate", argument=hostile, by=releaser)
    client.force_login(releaser)
    refused = client.post("/services/magento/production/operations/invalidate/", {"argument": "no path"})
    assert refused.status_code == 422
    assert "no path that the CDN can forget" in refused.content.decode()
    assert "invalidate" not in {each.key for each in operations.operations_of(current().target("magento", "pre-production"))}


def test_whole_logs_are_handed_on_to_those_who_may_and_recorded(
    preproduction: Target, operator: Operator, viewer: Operator, client: Client
) -> None:
    run = _done(preproduction, "log-bundles", operator)
    instance = Host.objects.get(name="pp-fe-1").pk
    client.force_login(viewer)
    assert client.get(f"/runs/{run.number}/logs/{instance}.zip").status_code == 403
    client.force_login(operator)
    assert f"/runs/{run.number}/logs/{instance}.zip" in client.get(f"/runs/{run.number}/").content.decode()
    answer = client.get(f"/runs/{run.number}/logs/{instance}.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "var/log/eb-engine.log" in archive.namelist()
    assert AuditEntry.objects.filter(action="download", run=run.number).count() == 1
    assert client.get(f"/runs/{run.number}/logs/i-0000000000000000.zip").status_code == 404
    assert "AWSAccessKeyId" not in str(list(Effect.objects.filter(run=run).values_list("answer", flat=True))), "no signed address is kept"


def test_a_snapshot_of_the_database_is_taken_and_available(preproduction: Target, operator: Operator) -> None:
    run = _done(preproduction, "snapshot", operator)
    name = Effect.objects.get(run=run, kind="rds.snapshot").answer["snapshot"]
    found = databases.snapshot(name)
    assert found is not None
    assert (found.database, found.status) == (preproduction.database, "available")
    assert "snapshot" not in {each.key for each in operations.operations_of(current().target("pim", "production"))}


def _knows_all(target: Target) -> bool:
    observe.refresh(target, max_age=0.4)
    hosts = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None)
    return hosts.count() == sum(tier.hosts for tier in target.tiers)
