"""What Prometheus is told: numbers that are so, none where nobody answers, and rules that speak of metrics that exist."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from opsconsole import metrics
from people.models import Operator
from runs.models import Duty, Plan, Run
from tests.valkey import Valkey

RULES = Path(settings.BASE_DIR) / "docs/alerts.yml"


def told() -> dict[str, float]:
    """By name, with the value of its one label behind it."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.content.decode())
    return {":".join([sample.name, *sample.labels.values()]): sample.value for family in families for sample in family.samples}


@pytest.fixture
def unknown(releaser: Operator) -> Run:
    place = {"kind": "release", "title": "r418", "service": "magento", "environment": "production", "lock_group": "magento"}
    plan = Plan.objects.create(**place, document={}, hash="", code_version="", made_by=releaser)
    created = timezone.now() - timedelta(minutes=10)
    return Run.objects.create(
        plan=plan, **place, code_version="", state=Run.State.UNKNOWN, requested_by=releaser, created=created, idempotency_key="1"
    )


@pytest.mark.django_db
def test_numbers_are_those_of_the_console(valkey: Valkey, unknown: Run, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    Duty.objects.create(name="scheduler", ran=timezone.now() - timedelta(seconds=90), error="failed")
    with django_assert_max_num_queries(10):
        found = told()
    assert found["opsconsole_runs:unknown"] == 1
    assert found["opsconsole_runs:running"] == 0
    assert found["opsconsole_run_queued_seconds"] == 0
    assert 90 <= found["opsconsole_duty_age_seconds:scheduler"] < 190
    assert found["opsconsole_duty_failed:scheduler"] == 1
    assert (found["opsconsole_database_up"], found["opsconsole_redis_up"]) == (1, 1)
    assert (found["opsconsole_workers"], found["opsconsole_queue_length"]) == (0, 0)
    assert found[f"opsconsole_code_info:{settings.CODE_VERSION}"] == 1


@pytest.mark.django_db
def test_each_redis_that_carries_frames_has_its_number(valkey: Valkey, settings: Settings) -> None:
    settings.LIVE_REDIS_URLS = [valkey.url, "unix:///nowhere/valkey"]
    found = told()
    assert (found["opsconsole_live_redis_up:0"], found["opsconsole_live_redis_up:1"], found["opsconsole_redis_up"]) == (1, 0, 1)


@pytest.mark.django_db
def test_what_does_not_answer_is_down_and_has_no_numbers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError

    settings.REDIS_URL = "unix:///nowhere/valkey"
    monkeypatch.setattr(metrics, "_from_database", away)
    found = told()
    assert (found["opsconsole_database_up"], found["opsconsole_redis_up"]) == (0, 0)
    assert not [name for name in found if name.startswith(("opsconsole_runs", "opsconsole_workers"))]


@pytest.mark.django_db
def test_rules_speak_of_what_is_told(valkey: Valkey, unknown: Run) -> None:
    Duty.objects.create(name="scheduler", ran=timezone.now())
    names = {name.partition(":")[0] for name in told()}
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"opsconsole_\w+", rule["expr"])}
    assert len(asked) >= 10
    assert asked <= names
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] in ("page", "ticket") for rule in rules)


def test_a_run_has_waited_as_long_as_the_alert_says_and_not_since_it_was_made() -> None:
    rules = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    rule = rules["RunWaitsForPerson"]
    assert (rule["expr"], rule["for"]) == ('max(opsconsole_runs{state=~"waiting|unknown"}) > 0', "5m")
    assert "five minutes" in rule["annotations"]["summary"]


def test_only_looking_is_possible() -> None:
    assert Client().post("/metrics").status_code == 405
