"""The migration-aware strategy against the estate in a box: prepared, rolled, migrated behind the curtain, and where it fails."""

from __future__ import annotations

import ssl
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest
from django.utils import timezone

from deployments import actions, operations
from deployments import panels as deployed_panels
from deployments.actions import Choice, NotPlannable
from deployments.failure import failure
from deployments.models import Alert, Artifact
from deployments.operations import start_operation
from deployments.strategies import curtain, panels, sweeper
from deployments.strategies.panels import closed_by
from deployments.strategies.preparing import refutation
from estate.definition import Target
from estate.models import Host, ShopAnswer
from estate.reading import current
from monitoring import prober
from people.models import Operator
from remote.http import fetch
from runs import actions as runs
from runs import doors
from runs.engine import tick
from runs.models import Plan, Run
from tests import box
from tests.working import at_rest, through, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
PREBUILT = Choice(configuration="prebuilt")


@pytest.fixture
def production(control: box.Control) -> Target:
    target = current().target("magento", "production")
    until(lambda: at_rest(target), 90)
    for host in Host.objects.filter(service="magento", environment="production"):
        doors.runner().install(str(host.private_ip))
    assert target.build is not None
    doors.runner().install(target.build.address)
    return target


def _start(plan: Plan, by: Operator) -> Run:
    begin = start_operation if plan.kind == "operation" else actions.start_release
    return begin(plan, hash=plan.hash, confirmation="production", idempotency_key=uuid.uuid4().hex, by=by)


def _prepared(target: Target, by: Operator, choice: Choice = PREBUILT) -> Artifact:
    plan = actions.plan_release(target, choice, by=by)
    assert plan.document["facts"]["operation"] == "prepare", "nothing is built yet"
    run = through(_start(plan, by), beside=prober.probe)
    assert run.state == Run.State.SUCCEEDED, run.said
    return Artifact.objects.get(run=run)


def _deeds(ready: dict[str, str], after: int = 0) -> list[dict[str, Any]]:
    deeds: list[dict[str, Any]] = httpx.get(f"{ready['control']}/sim/deeds", params={"after": after}, trust_env=False).json()["deeds"]
    return deeds


@contextmanager
def _balancers_wait(target: Target, seconds: int) -> Iterator[None]:
    elbv2, key, before = boto3.client("elbv2"), "idle_timeout.timeout_seconds", {}
    for arn in curtain.balancers_of(target.tiers[-1].beanstalk):
        told = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        before[arn] = next(each["Value"] for each in told if each["Key"] == key)

    def wait(arn: str, value: str) -> None:
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value}])

    try:
        for arn in before:
            wait(arn, str(seconds))
        yield
    finally:
        for arn, value in before.items():
            wait(arn, value)


@contextmanager
def _visitors(ready: dict[str, str]) -> Iterator[list[int]]:
    """What visitors get who ask for a page that takes longer than Beanstalk has a host drain by default."""
    answered: list[int] = []
    over = threading.Event()

    def visit() -> None:
        trusted = ssl.create_default_context(cafile=ready["ca_file"])
        with httpx.Client(proxy=ready["proxy"], verify=trusted, timeout=30, trust_env=False) as visitor:
            while not over.is_set():
                answered.append(visitor.get("https://www.client.url/export.html").status_code)

    with ThreadPoolExecutor(6) as pool:
        visits = [pool.submit(visit) for _ in range(6)]
        try:
            yield answered
        finally:
            over.set()
        for each in visits:
            each.result(30)


def _closed(ready: dict[str, str], **headers: str) -> int:
    return fetch("https://www.client.url/", headers=headers).status


def test_a_migration_that_fails_leaves_the_curtain_drawn_and_goes_on_from_there_and_the_next_release_needs_no_downtime(
    production: Target, control: box.Control, ready: dict[str, str], releaser: Operator
) -> None:
    control.act("push-commit", schema="yes")
    artifact = _prepared(production, releaser)
    assert artifact.decision == "window"
    assert [answer["rc"] for answer in artifact.answers] == [2, 0]
    assert "Run 'setup:upgrade'" in artifact.answers[0]["text"]
    assert not [deed for deed in _deeds(ready) if "cache of the live shop" in deed["what"]]

    plan = actions.plan_release(production, PREBUILT, by=releaser)
    facts = plan.document["facts"]
    assert (facts["strategy"], facts["decision"]["path"]) == ("migration-aware", "window")
    assert all(gate.state in ("ok", "warn") for gate in actions.gates_of(plan)), actions.gates_of(plan)
    before = len(_deeds(ready))
    control.fault("command-fails", "be", command="setup:upgrade")
    failed = through(_start(plan, releaser), beside=prober.probe)

    assert failed.state == Run.State.FAILED
    assert "Migrate the database" in failed.said
    left = failure(failed, by=releaser, refuted=refutation(failed))
    assert left is not None
    assert left.output.startswith("$ sudo -u webapp php /var/app/current/bin/magento setup:upgrade"), "what ran"
    assert "SQLSTATE" in left.output, "and what it said, where one looks first"
    assert _closed(ready) == 503
    assert _closed(ready, **{curtain.HEADER: curtain.pass_of(failed.number)}) != 503, "a tester passes"
    assert _closed(ready, **{curtain.HEADER: curtain.pass_of(failed.number + 1)}) == 503, "and nobody else does"
    sweeper.check()
    assert str(failed.number) in Alert.objects.get(kind=Alert.Kind.CURTAIN, ended=None).said
    told = closed_by(failed, releaser)
    assert told is not None
    assert (told.opened, bool(told.header)) == (None, True)

    run = through(runs.resume(failed, by=releaser), beside=prober.probe)
    assert run.state == Run.State.SUCCEEDED, run.said
    deeds = [deed["what"] for deed in _deeds(ready, before)]
    assert sum("setup:upgrade" in deed for deed in deeds) == 2, "once more, by a person's decision"
    assert deeds.count("CreateDBSnapshot") == 1
    assert sum("cache:flush" in deed for deed in deeds) == 1
    assert deeds.count("UpdateEnvironment (settings)") == 4, "both environments, to all at once and back"
    _nothing_is_left(production)
    sweeper.check()
    assert not Alert.objects.filter(kind=Alert.Kind.CURTAIN, ended=None).exists()
    artifact.refresh_from_db()
    assert artifact.judged["right"], artifact.judged
    assert not ShopAnswer.objects.filter(state="broken").exists()

    ShopAnswer.objects.all().delete()
    control.act("push-commit")
    assert _prepared(production, releaser).decision == "roll"
    with _balancers_wait(production, 90):
        rolled = actions.plan_release(production, PREBUILT, by=releaser)
        assert [step["key"] for step in rolled.document["steps"]][-8:] == [
            "drain", "deploy-back", "confirm", "deploy-front", "flip-version", "flush-cache", "verify", "judge",
        ]  # fmt: skip
        drain = rolled.document["steps"][-8]
        assert (drain["where"], drain["title"]) == (
            production.tiers[-1].beanstalk,
            "Give a host that leaves 90 s for the requests under way there",
        )
        with _visitors(ready) as visited:
            done = through(_start(rolled, releaser), beside=prober.probe)
    assert done.state == Run.State.SUCCEEDED, done.said
    assert len(visited) > 100
    assert set(visited) == {200}, "what was under way on a host that left came to its end"
    asked = list(ShopAnswer.objects.values_list("state", flat=True))
    assert asked
    assert set(asked) == {"open"}, "nobody met a closed or a broken shop"
    assert fetch("https://www.client.url/").text.count("/static/version" + rolled.document["facts"]["decision"]["statics_version"])


def test_a_wrong_answer_is_found_on_the_back_office_and_an_aborted_window_stays_closed_until_it_is_opened(
    production: Target, control: box.Control, ready: dict[str, str], releaser: Operator
) -> None:
    control.act("push-commit", schema="yes")
    control.fault("status-lies", "build")
    artifact = _prepared(production, releaser)
    live = set(Host.objects.filter(tier="front", service="magento", environment="production", gone=None).values_list("version", flat=True))
    if artifact.decision == "roll":
        wrong = through(_start(actions.plan_release(production, PREBUILT, by=releaser), releaser), beside=prober.probe)
        assert wrong.state == Run.State.FAILED
        assert "The decision was wrong" in wrong.said
        (decided,) = panels.of_release(wrong, wrong.plan.document["facts"], releaser, refuted=refutation(wrong))
        assert decided.context["judged"]["right"] is False
        front = Host.objects.filter(tier="front", service="magento", environment="production", gone=None)
        assert set(front.values_list("version", flat=True)) == live, "the front end has not been touched"
        assert fetch("https://www.client.url/").status == 200
        left = failure(wrong, by=releaser, refuted=refutation(wrong))
        assert left is not None
        assert left.choices[0].title == "Build it again, and ask the database anew"
        shown = deployed_panels.of_release(wrong, timezone.now(), releaser)
        gauge = [each.context["text"] for each in shown if "if_wrong" in each.template]
        assert "does not fit the database" in "".join(gauge)

        again = actions.plan_release(production, PREBUILT, relaunch_of=wrong, by=releaser)
        assert again.document["facts"]["operation"] == "prepare", "the answer that was refuted is not used again"
        assert again.document["facts"]["will_relaunch"] == wrong.number
        assert through(_start(again, releaser)).state == Run.State.SUCCEEDED
        facts = actions.plan_release(production, PREBUILT, relaunch_of=wrong, by=releaser).document["facts"]
        assert facts["decision"]["path"] == "window"
        assert facts["relaunch_of"] == wrong.number

        runs.release_lock(wrong, "planned again with the window", by=releaser)
        Artifact.objects.exclude(pk=artifact.pk).delete()
        Artifact.objects.filter(pk=artifact.pk).update(asked=timezone.now())

    with pytest.raises(NotPlannable, match="Say why"):
        actions.plan_release(production, replace(PREBUILT, path="window"), by=releaser)
    plan = actions.plan_release(production, replace(PREBUILT, path="window", because="the answer was wrong"), by=releaser)
    assert plan.document["facts"]["decision"]["because"] == "the answer was wrong"
    run = _start(plan, releaser)
    until(lambda: _ticked(run, "curtain-on"), 200)
    runs.cancel_run(run, Run.Cancel.ABORT, by=releaser)
    aborted = through(run, beside=prober.probe)
    assert aborted.state == Run.State.CANCELLED
    assert _closed(ready) == 503
    left = failure(aborted, by=releaser, refuted=refutation(aborted))
    assert left is not None
    assert left.choices[0].closed_for == "as long as a curtain is drawn"
    assert left.choices[0].title.startswith("Deploy r"), "nothing has failed, so there is no cause to mend"
    sweeper.check()
    assert Alert.objects.filter(kind=Alert.Kind.CURTAIN, ended=None).exists()
    runs.release_lock(aborted, "opened by hand", by=releaser)

    for key in ("curtain-off", "roll-again"):
        opened = through(_start(operations.plan_operation(production, key, by=releaser), releaser), beside=prober.probe)
        assert opened.state == Run.State.SUCCEEDED, opened.said
    _nothing_is_left(production)
    assert _closed(ready) == 200


def _ticked(run: Run, step: str) -> bool:
    tick(run.number)
    return bool(run.steps.get(key=step).state == "done")


def _nothing_is_left(target: Target) -> None:
    place = curtain.place_of(target)
    assert place is not None
    for listener, _ in place.listeners:
        assert not list(curtain.rules_on(listener, curtain.name_of(target)))
    for host in Host.objects.filter(service="magento", environment="production"):
        assert doors.runner().probe(str(host.private_ip), ["service", "crond", "status"]).rc == 0


def test_as_written_is_all_that_there_is_where_the_hosts_still_build(production: Target, releaser: Operator) -> None:
    plan = actions.plan_release(production, Choice(configuration="prod"), by=releaser)
    facts = plan.document["facts"]
    assert facts["strategy"] == "as-written"
    assert "02_setup_upgrade" in facts["offers"][0]["refused"]
    assert "-  05_static_content:" in facts["patch"]
    assert "01_env_php" not in "".join(line for line in facts["patch"].splitlines() if line.startswith("-"))
    with pytest.raises(NotPlannable, match="cannot be taken"):
        actions.plan_release(production, Choice(configuration="prod", strategy="migration-aware"), by=releaser)
    with pytest.raises(NotPlannable, match="nobody would migrate"):
        actions.plan_release(production, replace(PREBUILT, strategy="as-written"), by=releaser)
