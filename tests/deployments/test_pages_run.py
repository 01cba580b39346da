"""The run page of a release: how far, how long still, is the shop down, what is each host doing, what failed and what now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deployments.models import Evidence, Standing
from estate.models import ShopAnswer
from people.models import Operator
from runs.models import Run, Step
from tests import scenery

pytestmark = pytest.mark.django_db


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_a_release_in_the_middle(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "i-012e92fb498ad40d7" in said
    assert "10.0.102.37" in said
    assert "<b>Draining</b>" in said
    assert "· closed 4 min 00 s ·" in said
    assert "maint. on" in said  # observed on fe-2, which has not been reopened
    assert 'aria-current="step"' in said
    assert "Versions are mixed" in said
    assert said.count("i-0e5a90c37db14f826") == 2  # waiting: a lane with its id, and nothing more
    assert "topbar production" in said


def test_output_of_hosts_is_text(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "<script>alert(1)" not in said
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is text" in said
    assert '<span class="a-green">Enabled</span>' in said


def test_the_live_update_is_the_same_fragment_without_the_log(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    client.force_login(viewer)
    fragment = page(client, f"/runs/{run.number}/live")
    assert "<html" not in fragment
    assert "data-log" not in fragment
    assert "<b>Draining</b>" in fragment
    assert "Deploy the front end" in fragment


def test_a_failure_opens_with_its_host_and_what_now(client: Client, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    client.force_login(releaser)
    said = page(client, f"/runs/{run.number}/")
    assert "fe-2 failed: Command 04_di_compile." in said
    assert "private address" in said
    assert "/var/log/eb-activity.log" in said
    assert "ssh 10.0.102.37 -t &#x27;sudo tail -n 200 /var/log/eb-activity.log&#x27;" in said
    assert "no space left on device" in said
    assert "Plan this" in said
    assert "Not possible" in said
    assert "Release the lock" in said
    assert "Stop this run" not in said


def test_a_viewer_of_a_failure_has_nothing_to_decide(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "fe-2 failed" in said
    assert "Release the lock" not in said
    assert "one has to be a releaser" in said


def test_success_says_what_was_proven(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    now = timezone.now()
    Step.objects.filter(run=run).update(state=Step.State.DONE, started=now, ended=now)
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED, ended=now, holds_lock=False)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "Done: r418 is on 5 hosts" in said
    assert "13 of 13 steps done" in said
    assert "data-over" in said


@pytest.mark.parametrize("asked_all_the_time", [True, False])
def test_never_closed_is_said_only_where_somebody_asked_all_the_time(
    client: Client, viewer: Operator, releaser: Operator, asked_all_the_time: bool
) -> None:
    run = scenery.rolling(releaser)
    now = timezone.now()
    begun = now - timedelta(seconds=600)
    Step.objects.filter(run=run).update(state=Step.State.DONE, started=begun, ended=now)
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED, started=begun, ended=now, holds_lock=False)
    ShopAnswer.objects.all().delete()
    scenery.shop("open", begun, 600 if asked_all_the_time else 30)
    scenery.shop("open", now - timedelta(seconds=30), 31)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert ("it never closed" in said) == asked_all_the_time
    assert (">Never <" in said) == asked_all_the_time
    assert ("8 min 56 s nobody asked" in said) == (not asked_all_the_time)


def test_a_queued_run_has_changed_nothing(client: Client, viewer: Operator, releaser: Operator) -> None:
    scenery.observed()
    run = scenery.run(scenery.plan(releaser), releaser)
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "Waits for a worker" in said
    assert "Nothing changed" in said


def test_a_run_of_a_kind_without_panels_still_has_steps_and_log(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    Run.objects.filter(pk=run.pk).update(kind="something else")
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "Deploy the front end" in said
    assert "212 connections open" in said
    assert "lanes" not in said


def test_costs_fifteen_queries_at_most(client: Client, releaser: Operator, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    run = scenery.rolling(releaser)
    client.force_login(releaser)
    with django_assert_max_num_queries(15):
        page(client, f"/runs/{run.number}/")
    with django_assert_max_num_queries(15):
        page(client, f"/runs/{run.number}/live")


def test_a_failed_run_costs_two_dozen_at_most(
    client: Client, releaser: Operator, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = scenery.failed(releaser)
    client.force_login(releaser)
    with django_assert_max_num_queries(24):
        page(client, f"/runs/{run.number}/")


def test_there_is_no_such_run(client: Client, viewer: Operator) -> None:
    client.force_login(viewer)
    for path in ("/runs/999/", "/runs/999/live", "/runs/999/log.json", "/runs/999/log.txt", "/runs/999/evidence"):
        assert client.get(path).status_code == 404


def test_the_evidence_can_be_taken_away(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    client.force_login(viewer)
    response = client.get(f"/runs/{run.number}/evidence")
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    assert b"fe-2 i-012e92fb498ad40d7 /var/log/eb-activity.log" in response.content
    assert b"04_di_compile" in response.content
    Evidence.objects.filter(run=run).update(text="\x1b]0;title\x07no space\x1b[2J left\r\non the device")
    told = client.get(f"/runs/{run.number}/evidence").content.decode()
    assert told.endswith(" <==\nno space left\non the device\n"), "whoever shows it on a terminal is not commanded by it"


def test_times_of_a_run_that_ended_long_ago_stand_still(client: Client, viewer: Operator, releaser: Operator) -> None:
    run = scenery.failed(releaser, now=timezone.now() - timedelta(days=40))
    client.force_login(viewer)
    said = page(client, f"/runs/{run.number}/")
    assert "8 min 00 s" in said
    assert "nowline" not in said


def test_a_failure_shows_code_schema_and_statics_of_each_host(client: Client, releaser: Operator) -> None:
    run = scenery.failed(releaser)
    row = {"service": "magento", "environment": "production", "version": scenery.OLD, "seen": timezone.now(), "statics": "1692137637"}
    told = "Declarative Schema is not up to date\n(exit code 2)"
    Standing.objects.create(instance_id="i-0e5a90c37db14f826", host="fe-3", schema="differs", schema_said=told, **row)
    client.force_login(releaser)
    shown = page(client, f"/runs/{run.number}/")
    assert "Declarative Schema is not up to date" in shown
    assert "1692137637" in shown
    assert "not asked" in shown, "the other hosts have said nothing yet"
    assert run.ended is not None
    Standing.objects.update(seen=run.ended - timedelta(seconds=1))
    shown = page(client, f"/runs/{run.number}/")
    assert "Declarative Schema is not up to date" not in shown, "what was said before it ended is not what is there after it"
    assert "the hosts are being asked" in shown


def test_what_was_stopped_in_the_middle_is_not_said_to_be_as_it_was(client: Client, releaser: Operator) -> None:
    run = scenery.rolling(releaser)
    Run.objects.filter(pk=run.pk).update(state=Run.State.CANCELLED, ended=timezone.now())
    client.force_login(releaser)
    shown = page(client, f"/runs/{run.number}/")
    assert "Nothing has been changed" not in shown
    assert "Deploy r418 again" in shown
    assert "What failed" not in shown, "nothing has"
    run.steps.exclude(key__in=("preflight", "check-versions")).update(state=Step.State.PLANNED)
    assert "Nothing has been changed. Make a new plan." in page(client, f"/runs/{run.number}/")
