"""Forty secrets in Terraform's state, read from its bucket over the wire: in no row, no log, no page, no answer of the API, no export."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import boto3
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from estate import inventory, observe
from estate.models import Resource
from handover import estate_rows, judging
from people.models import Operator
from remote.aws import storage
from tests.estate.states import MANY, with_secrets

pytestmark = pytest.mark.django_db
# Where what is known of a resource is shown, told or taken away.
PLACES = (
    "/", "/estate/?q=x", "/estate/topology/", "/estate/topology.svg", "/handover/?all=1", "/handover/document/", "/handover/document.md",
    "/health/", "/deadlines/", "/runs/", "/audit/", "/audit/export.csv", "/audit/export.jsonl", "/notifications/", "/console/", "/metrics",
    "/api/v1/claims?limit=500", "/api/v1/deadlines", "/api/v1/audit",
)  # fmt: skip


@pytest.fixture
def seeded(sandbox: dict[str, str]) -> Iterator[list[str]]:
    """Two states: a whole one with forty secrets, and the same cut off, which is named as bad."""
    hidden, _, content = with_secrets()
    bucket = next(name for name in storage.bucket_names() if inventory.STATE_BUCKET in name)
    s3 = boto3.client("s3")
    keys = {"seeded/whole.tfstate": content, "seeded/cut.tfstate": content[: len(content) - 40]}
    for key, body in keys.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    yield hidden
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)


def rows() -> str:
    """Every row of every table."""
    with connection.cursor() as cursor:
        told = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  (names of our own tables)
            told += [f"{table} {row}" for row in cursor.fetchall()]
    return "\n".join(told)


def pages(client: Client) -> Iterator[tuple[str, str]]:
    groups = [f"/estate/?group={group}" for group in estate_rows.GROUPS]
    cards = [reverse("handover:resource", args=(row.kind, row.key)) for row in Resource.objects.filter(source="Terraform")]
    more = "/api/v1/resources?limit=200"
    for place in [*PLACES, *groups, *cards]:
        answer = client.get(place)
        assert answer.status_code == 200, (place, answer.status_code)
        yield place, b"".join(answer).decode()
    while more:
        answer = client.get(more)
        assert answer.status_code == 200, more
        yield more, answer.content.decode()
        after = answer.json()["next"]
        more = f"/api/v1/resources?limit=200&cursor={after}" if after else ""


def test_no_secret_of_a_state_reaches_a_row_a_log_or_a_page(
    seeded: list[str], client: Client, admin: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="botocore")
    observe.look([inventory.subject(inventory.source("Terraform"), every=1)])
    judging.judge_all()
    assert Resource.objects.filter(key__contains="seeded/whole.tfstate#").exists()
    assert "may be truncated" in str(Resource.objects.get(key__contains="seeded/cut.tfstate").facts)
    client.force_login(admin)
    told = {"database": rows(), **dict(pages(client)), "log": caplog.text}
    assert "random_password.x" in told["database"]
    assert any("random_password.x" in text for place, text in told.items() if place.startswith("/estate/"))
    assert any("random_password.x" in text for place, text in told.items() if place.startswith("/api/"))
    assert "GetObject" in told["log"], "the log has what the wire's own library says"
    any_of_them = re.compile("|".join(seeded))
    assert len(seeded) == MANY
    assert {place: found[0] for place, text in told.items() if (found := any_of_them.search(text))} == {}
