"""Draining by a token: what the page does, refused to whom the page refuses it, and written down the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from people.models import AuditEntry, Operator, Token
from runs.models import Drain
from tests import scenery

pytestmark = pytest.mark.django_db
DRAIN = "/api/v1/drain"


def program(operator: Operator, **scope: str) -> Client:
    secret = Token.issue(operator, "upgrade", lives=timedelta(hours=1), **scope)[1]
    return Client(headers={"Authorization": f"Bearer {secret}"})


def sent(client: Client, **body: object) -> tuple[int, dict[str, object]]:
    answer = client.post(DRAIN, body, "application/json", headers={"Idempotency-Key": f"drain-by-api-{AuditEntry.objects.count()}"})
    return answer.status_code, answer.json()


def lifted(client: Client) -> tuple[int, dict[str, object]]:
    answer = client.delete(DRAIN)
    return answer.status_code, answer.json()


def test_a_program_drains_sees_what_waits_and_lifts(admin: Operator, releaser: Operator) -> None:
    run = scenery.run(scenery.plan(releaser), releaser)
    client = program(admin)
    off: dict[str, object] = {"on": False, "since": None, "by": "", "reason": "", "everything": False, "runs": []}
    assert client.get(DRAIN).json() == off
    status, told = sent(client, reason="the database moves", everything=True)
    assert (status, told["on"], told["by"], told["reason"], told["everything"], told["runs"]) == (
        201, True, str(admin), "the database moves", True, [run.number],
    )  # fmt: skip
    assert client.get(DRAIN).json() == told
    assert sent(client, reason="again")[0] == 409
    assert lifted(client) == (200, {"runs": [run.number]})
    assert client.get(DRAIN).json() == off
    assert lifted(client)[0] == 409
    rows = AuditEntry.objects.filter(action__contains="drain").order_by("number")
    assert [(row.action, row.result, row.who) for row in rows] == [("drain", "ok", "admin"), ("lift drain", "ok", "admin")]
    assert all("upgrade" in row.origin or "token" in row.origin for row in rows)


@pytest.mark.parametrize("body", [{}, {"reason": 7}, {"reason": "x" * 201}, {"reason": "x", "everything": "perhaps"}], ids=str)
def test_what_cannot_be_read_is_named_and_changes_nothing(admin: Operator, body: dict[str, object]) -> None:
    status, told = sent(program(admin), **body)
    assert status == 422
    assert str(told["detail"]).split(":")[0] in ("reason", "everything")
    assert sent(program(admin), reason=" ")[0] == 409
    assert not Drain.objects.exists()


def test_who_may_not_is_refused_and_that_is_written_down(admin: Operator, releaser: Operator) -> None:
    for client in (program(releaser), program(admin, scope="read"), program(admin, environment="production")):
        assert sent(client, reason="because")[0] == 403
        assert lifted(client)[0] == 403
    assert not Drain.objects.exists()
    assert AuditEntry.objects.filter(action="drain", result="refused").count() == 6
    assert program(releaser).get(DRAIN).status_code == 200
