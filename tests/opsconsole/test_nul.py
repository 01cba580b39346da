"""No NUL gets further than the door, wherever it stands in a request."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from people.models import Operator, Token
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    ["/runs/?service={}", "/runs/?{}=x", "/services/{}/production/", "/runs/?environment=a&environment={}", "/api/v1/runs?service={}"],
)
def test_none_in_an_address(client: Client, viewer: Operator, path: str) -> None:
    client.force_login(viewer)
    answer = client.get(path.format("a%00b"))
    assert answer.status_code == 400
    assert "NUL" in answer.content.decode()
    assert client.get(path.format("a%2500b")).status_code in (200, 404)


def test_none_in_a_cookie(client: Client) -> None:
    client.cookies.load({"sessionid": "a\0b"})
    assert client.get("/runs/").status_code == 400
    client.cookies.load({"sessionid": "ab"})
    assert client.get("/runs/").status_code == 302


@pytest.mark.parametrize("how", [{}, {"content_type": "application/x-www-form-urlencoded"}])
def test_none_in_a_form(client: Client, releaser: Operator, how: dict[str, Any]) -> None:
    failed = scenery.failed(releaser)
    client.force_login(releaser)
    path = f"/runs/{failed.number}/release-lock"
    assert client.post(path, "reason=a%00b" if how else {"reason": "a\0b"}, **how).status_code == 400
    failed.refresh_from_db()
    assert failed.holds_lock
    assert client.post(path, "reason=ab" if how else {"reason": "ab"}, **how).status_code == 302
    failed.refresh_from_db()
    assert (failed.holds_lock, failed.lock_release_reason) == (False, "ab")


@pytest.mark.parametrize(
    ("reason", "status"),
    [(r"a\u0000b", 400), (r"a\\\u0000b", 400), ("a\0b", 400), (r"a\\u0000b", 201), (r"a\u00e0b", 201)],
)
def test_none_in_a_document(releaser: Operator, monkeypatch: pytest.MonkeyPatch, reason: str, status: int) -> None:
    from deployments import actions

    monkeypatch.setattr(actions, "gates_of", lambda plan: [])
    made = scenery.plan(releaser)
    headers = {
        "Authorization": f"Bearer {Token.issue(releaser, 'test', lives=timedelta(hours=1))[1]}",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    document = json.dumps({"plan": str(made.pk), "hash": made.hash, "reason": "REASON"}).replace("REASON", reason)
    answer = Client().post("/api/v1/runs", document, content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    if status == 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert Run.objects.count() == (status == 201)
