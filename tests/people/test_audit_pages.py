"""The audit trail as a page and as a file: who may look, who may take it away, what is found, what cannot do harm in it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from people import audit, trail
from people.models import AuditEntry, Operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(operator: Operator) -> None:
    for number in range(120):
        audit.record("start release" if number % 2 else "effect", by=operator if number % 2 else None, target=f"thing {number}", run=number)
    audit.record("give run up", by=operator, target="<script>alert(1)</script>", why='=cmd|"/c calc"!A1\nnew line', facts={"k": "@x"})


def test_the_page_shows_the_newest_and_leads_to_older_ones(client: Client, viewer: Operator, filled: None) -> None:
    client.force_login(viewer)
    page = client.get(reverse("people:audit")).content.decode()
    assert "give run up" in page
    assert "<script>alert" not in page
    assert "?before=73" in page
    older = client.get(reverse("people:audit"), {"before": "73"}).content.decode()
    assert "thing 30" in older
    assert "thing 80" not in older


def test_every_action_is_offered_once(filled: None) -> None:
    assert trail.actions() == sorted(set(AuditEntry.objects.values_list("action", flat=True)))
    assert {"effect", "give run up", "start release"} <= set(trail.actions())


def test_an_empty_trail_offers_none() -> None:
    assert trail.actions() == []


@pytest.mark.parametrize(
    "query, seen, unseen",
    [
        ({"q": "thing 77"}, "thing 77", "thing 78"),
        ({"action": "effect"}, "thing 118", "thing 119"),
        ({"who": "operator"}, "thing 119", "thing 118"),
        ({"run": "55"}, "thing 55", "thing 54"),
        ({"run": "x"}, "thing 119", "no such text"),
        ({"q": "nothing like it"}, "Nothing fits", "thing 1"),
        ({"before": "٣"}, "thing 119", "no such text"),
        ({"before": "9" * 40}, "thing 119", "no such text"),
    ],
    ids=str,
)
def test_it_can_be_searched(client: Client, viewer: Operator, filled: None, query: dict[str, str], seen: str, unseen: str) -> None:
    client.force_login(viewer)
    page = client.get(reverse("people:audit"), query).content.decode()
    assert seen in page
    assert unseen not in page


def exported(client: Client, form: str, **query: str) -> str:
    response: Any = client.get(reverse("people:audit-export", args=(form,)), query)
    return b"".join(response.streaming_content).decode()


def test_an_admin_takes_it_away_line_by_line_and_that_is_recorded(client: Client, admin: Operator, filled: None) -> None:
    client.force_login(admin)
    lines = [json.loads(line) for line in exported(client, "jsonl").splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["action"] == "download audit trail"
    assert lines[120]["why"].endswith("\nnew line")  # inside its line
    assert audit.first_bad() is None


def test_no_cell_is_a_formula(client: Client, admin: Operator, filled: None) -> None:
    client.force_login(admin)
    rows = list(csv.DictReader(io.StringIO(exported(client, "csv", action="give run up"))))
    assert len(rows) == 1
    assert rows[0]["why"].startswith("'=cmd")


def test_others_see_it_and_take_nothing_away(client: Client, releaser: Operator, filled: None) -> None:
    client.force_login(releaser)
    assert "one has to be an admin" in client.get(reverse("people:audit")).content.decode()
    assert client.get(reverse("people:audit-export", args=("csv",))).status_code == 403
    assert AuditEntry.objects.filter(action="audit-export", result="refused", who="releaser").exists()


def test_a_form_that_there_is_not_is_no_file(client: Client, admin: Operator) -> None:
    client.force_login(admin)
    assert client.get(reverse("people:audit-export", args=("xlsx",))).status_code == 404
