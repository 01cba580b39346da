"""What is kept of persons ends, and the head of the audit trail is told outside."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from people import audit, outside
from people.models import AuditEntry, FailedSignIn, Operator, Token
from remote.aws import storage

pytestmark = pytest.mark.django_db


def test_persons_are_forgotten_after_their_time_and_no_sooner(operator: Operator, settings: Settings) -> None:
    audit.record("something", by=operator, target="somebody", why="a reason", origin="203.0.113.7")
    old, new = timezone.now() - timedelta(days=2), timezone.now()
    FailedSignIn.objects.create(name="x", address="203.0.113.7", time=old)
    FailedSignIn.objects.create(name="y", address="203.0.113.7", time=new)
    Token.issue(operator, "old", lives=timedelta(days=-31))
    Token.issue(operator, "new", lives=timedelta(days=1))
    out = io.StringIO()
    call_command("forget", stdout=out)
    assert out.getvalue().splitlines() == [
        "persons in audit rows: 0",
        "failed sign-ins: 1",
        "sessions that have ended: 0",
        "answers given to programs: 0",
        "tokens that have ended: 1",
        "VPN users who are out: 0",
        "VPN certificates that are over: 0",
        "addresses that were let in: 0",
    ]
    assert AuditEntry.objects.get(number=1).who == "operator"
    cleaned = AuditEntry.objects.filter(action="clean up").order_by("number").values_list("target", flat=True)
    assert list(cleaned) == ["failed sign-ins", "tokens that have ended"]
    settings.PERSON_DAYS = 0
    call_command("forget", stdout=io.StringIO())
    row = AuditEntry.objects.get(number=1)
    assert (row.who, row.origin, row.target, row.why) == ("", "", "", "")
    assert audit.first_bad() is None


def test_the_head_is_told_to_a_bucket_and_to_the_log(
    sandbox: dict[str, str], settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.setattr(outside, "_last", [])
    client: Callable[..., Any] = boto3.client
    bucket = "audit-heads-of-a-test"
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    settings.AUDIT_BUCKET = bucket
    audit.record("something", by=None, target="x")
    with caplog.at_level(logging.INFO, "people.outside"):
        head = outside.send_head()
        outside.send_head()  # nothing was added: nothing is sent
    assert [record.getMessage() for record in caplog.records if record.name == "people.outside"] == [f"the audit trail reaches {head}"]
    listed = client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert len(listed) == 1
    number, digest = storage.get(bucket, listed[0]["Key"]).decode().strip().split(":")
    assert audit.first_bad(outside=[audit.Head(int(number), digest)]) is None
