"""The gates about work in flight, uploads, alarms and Beanstalk's policy, and the sweeper of curtains: against the estate in a box."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from deployments import gates, guards
from deployments.gates import Asked, Gate
from deployments.models import Alert
from deployments.steps import PlannedHost
from deployments.strategies import curtain, sweeper
from deployments.strategies.curtain import Drawn
from estate.definition import Target
from estate.reading import current
from people.models import Operator
from runs import doors
from runs.leases import claim
from runs.models import Run
from tests import box, scenery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(200)]
CUSTOM = PlannedHost("custom-1", "i-09e4a7f20c6b8d135", "10.0.101.82", "app", "client-custom-connection")


@pytest.fixture
def control(sandbox: dict[str, str], settings: Settings) -> Iterator[box.Control]:
    settings.SSH_CONFIG = sandbox["ssh_config"]
    settings.SSH_BROKER = ""
    doors.door.cache_clear()
    doors.runner.cache_clear()
    found = box.Control(sandbox)
    found.clear()
    for ip in ("10.0.101.40", CUSTOM.ip):
        doors.runner().install(ip)
    yield found
    found.clear()
    found.close()
    doors.door().close()
    doors.door.cache_clear()
    doors.runner.cache_clear()


def _asked(target: Target, host: PlannedHost, **facts: object) -> Asked:
    return Asked(target, [host], facts)


def _one(found: Iterator[Gate]) -> Gate:
    (gate,) = found
    return gate


def test_a_job_in_flight_closes_the_way_as_written_and_is_waited_for_in_the_window(control: box.Control) -> None:
    target, host = scenery.target(), scenery.planned_hosts()[0]
    assert _one(guards.work(_asked(target, host))).state == "ok"
    control.fault("work-in-flight", "be", command="indexer:reindex")
    closed = _one(guards.work(_asked(target, host, strategy="as-written")))
    assert (closed.state, "indexer:reindex" in closed.said) == ("bad", True)
    assert _one(guards.work(_asked(target, host, strategy="migration-aware"))).state == "warn"
    control.clear()
    control.fault("work-in-flight", "be", command="cron:run")
    assert _one(guards.work(_asked(target, host, strategy="as-written"))).state == "warn"


def test_an_upload_that_the_deployment_would_lose_is_named(control: box.Control, sandbox: dict[str, str]) -> None:
    target = current().target("custom-connection", "production")
    assert _one(guards.uploads(_asked(target, CUSTOM))).state == "ok"
    upload = Path(sandbox["ssh_config"]).parents[1] / "hosts/custom-1/var/app/current/public/order-1.xml"
    upload.write_text("<order/>")
    try:
        gate = _one(guards.uploads(_asked(target, CUSTOM)))
        assert gate.said.startswith("1 file on custom-1 is newer")
        assert (gate.state, "/var/app/current/public/order-1.xml" in gate.said) == ("bad", True)
        assert not gate.evidence, "the line has it"
    finally:
        upload.unlink()
    assert not list(guards.uploads(_asked(scenery.target(), scenery.planned_hosts()[0]))), "nobody uploads to Magento"


def test_beanstalk_has_to_roll_except_through_the_window(control: box.Control) -> None:
    gate = _one(guards.policy(_asked(scenery.target(), scenery.planned_hosts()[0])))
    assert (gate.state, gate.evidence[0]) == ("ok", "client-magento-prod-bo: Rolling")


def test_alarms_are_said_and_are_never_in_the_way(control: box.Control) -> None:
    assert _one(guards.alarms(_asked(scenery.target(), scenery.planned_hosts()[0]))).state in ("ok", "warn")


def test_every_release_is_asked_them() -> None:
    assert {guards.work, guards.uploads, guards.alarms, guards.policy, guards.decision, guards.curtain_room} <= set(gates.registered())


def test_a_curtain_without_a_run_at_work_is_an_alert_until_it_is_open(releaser: Operator) -> None:
    target, now = scenery.target(), timezone.now()
    run = scenery.run(scenery.plan(releaser), releaser, state=Run.State.RUNNING, started=now)
    assert claim(run.number)
    drawn = [Drawn(run.number, now - timedelta(minutes=3), "listener")]
    sweeper.tell(target, drawn, now)
    assert not Alert.objects.exists(), "its run is at work"
    Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED, ended=now)
    sweeper.tell(target, drawn, now)
    sweeper.tell(target, drawn, now)
    alert = Alert.objects.get()
    assert (alert.kind, alert.ended, alert.run_id) == (Alert.Kind.CURTAIN, None, run.pk)
    assert f"Run {run.number}" in alert.said
    sweeper.tell(target, [Drawn(0, None, "listener")], now)
    assert Alert.objects.get(ended=None).said.startswith("Nobody knows")
    sweeper.tell(target, [], now)
    assert not Alert.objects.filter(ended=None).exists()


def test_the_pass_of_a_closed_curtain_outlives_a_change_of_the_secret_key(settings: Settings) -> None:
    before = curtain.pass_of(7)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert curtain.pass_of(7) == before
    settings.SECRET_KEY_FALLBACKS = []
    assert curtain.pass_of(7) != before, "it hangs on a key that counts"


def test_a_pass_belongs_to_its_run_and_a_page_fits_the_load_balancer() -> None:
    assert curtain.pass_of(7) == curtain.pass_of(7) != curtain.pass_of(8)
    assert len(curtain.PAGE) <= 1024
    closed = curtain.action(curtain.CLOSED, front="f", back="b")["FixedResponseConfig"]
    assert closed["StatusCode"] == "503"
    assert curtain.action("pass-back-office", front="f", back="b")["TargetGroupArn"] == "b"
    assert max(curtain.RULES, key=lambda name: curtain.RULES[name]) == curtain.CLOSED
