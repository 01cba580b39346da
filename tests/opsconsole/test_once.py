"""Idempotency keys: each operation that changes something answers the same request the same way once more, and does it once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from opsconsole import once
from opsconsole.api import api
from people import retention
from people.answered import Intention
from people.models import Answered, AuditEntry, Operator, Role, Token
from runs.models import Run
from tests.hostile import fields, furnished
from tests.hostile.fields import Operation, Teller
from tests.hostile.furnished import Place
from tests.hostile.test_every_field import called
from tests.people.test_matrix import operations

pytestmark = pytest.mark.django_db
KEY = "a-key-of-some-program"
REFUSED_HERE = {
    "POST /api/v1/plans",  # it reads the repositories, which cannot be reached here
    "POST /api/v1/plans/{plan_id}/break-glass",  # nothing is frozen
    "DELETE /api/v1/drain",  # nothing is drained
    "POST /api/v1/vpn/reapply",  # the server's index lacks nothing
    "POST /api/v1/services/{service}/{environment}/following",  # nobody deploys elsewhere
    "POST /api/v1/services/{service}/{environment}/reopening",  # no host is in maintenance mode
    "POST /api/v1/rundeck-jobs/{job}/runs",  # it asks Rundeck, which cannot be reached here
}


@pytest.fixture
def place(person: Callable[[str, Role], Operator], monkeypatch: pytest.MonkeyPatch) -> Place:
    furnished.nobody_there(monkeypatch)
    furnished.as_observed(monkeypatch)
    return furnished.furnish(person)


def changing(place: Place) -> Iterator[tuple[Operation, dict[str, Any]]]:
    return ((operation, fits) for operation, fits in called(place) if operation.method not in once.SAFE)


def counted() -> Mapping[str, int]:
    """How many rows there are of everything but of what says that somebody has asked."""
    return {
        model._meta.db_table: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model not in (Answered, AuditEntry)
    }


def test_the_same_key_does_it_once_and_gets_the_same_answer(place: Place) -> None:
    teller, wrong, refused, done = Teller(place.program), [], set(), 0
    for operation, fits in changing(place):
        with teller.undone():
            first, between = fields.call(teller, operation, fits, key=KEY), counted()
            recorded = AuditEntry.objects.count()
            again = fields.call(teller, operation, fits, key=KEY)
            if first.status_code >= 300:
                refused.add(operation.name)
                if Answered.objects.exists() or again.status_code != first.status_code:
                    wrong.append(f"{operation.name}: a refusal is kept: {first.content[:200]!r}, then {again.content[:200]!r}")
                continue
            done += 1
            if (again.status_code, again.content, again.headers.get("Idempotency-Replayed")) != (first.status_code, first.content, "true"):
                wrong.append(
                    f"{operation.name}: {first.status_code} {first.content[:300]!r}, then {again.status_code} {again.content[:300]!r}"
                )
            if counted() != between or AuditEntry.objects.count() != recorded:
                wrong.append(f"{operation.name}: it was done twice")
            other = fields.call(teller, operation, fits, key=KEY, more={"other": "words"})
            if other.status_code != 422 or "Use a new key" not in other.json()["detail"]:
                wrong.append(f"{operation.name}: another request by the same key: {other.status_code} {other.content[:200]!r}")
    assert not wrong, "\n".join(wrong)
    assert refused <= REFUSED_HERE  # what other tests left lets some go further
    assert done > 30


def test_every_operation_that_changes_something_has_it_described(place: Place) -> None:
    found = list(changing(place))
    assert len(found) == len([name for name in operations() if name.partition(" ")[0] not in once.SAFE])
    assert not [operation.name for operation, _ in found if ("header", once.HEADER) not in operation.parameters]


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers dies before it does."""
    monkeypatch.setattr(Intention, "end", lambda self, answer: None)


def asked(program: Client, name: str = "x", key: str = KEY, **more: Any) -> Any:
    body = json.dumps({"name": name, "days": 1, **more})
    return program.post("/api/v1/tokens", body, content_type="application/json", headers={"Idempotency-Key": key})


@pytest.fixture
def program(viewer: Operator) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(viewer, 'act', lives=timedelta(hours=1))[1]}"})


@pytest.mark.usefixtures("lost")
def test_what_was_cut_off_is_not_done_again_and_that_is_said(program: Client) -> None:
    assert asked(program).status_code == 201
    under_way = asked(program)
    assert (under_way.status_code, under_way.headers["Retry-After"]) == (409, "2")
    assert "still under way" in under_way.json()["detail"]
    Answered.objects.update(begun=timezone.now() - timedelta(hours=1))
    assert "Look whether it was done" in asked(program).json()["detail"]
    assert Token.objects.filter(name="x").count() == 1


@pytest.mark.usefixtures("lost")
def test_what_knows_its_key_itself_is_asked_again(place: Place) -> None:
    """A run that was begun is found by its key: whoever lost the answer gets the run."""
    operation, fits = next((operation, fits) for operation, fits in changing(place) if operation.name == "POST /api/v1/runs")
    first = fields.call(Teller(place.program), operation, fits, key=KEY)
    again = fields.call(Teller(place.program), operation, fits, key=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert Run.objects.filter(idempotency_key=KEY).count() == 1


def test_a_refusal_may_be_tried_again_by_the_same_key(program: Client, viewer: Operator) -> None:
    Operator.objects.update(role=Role.NONE)
    assert asked(program).status_code == 403
    Operator.objects.update(role=Role.VIEWER)
    assert asked(program).status_code == 201


def test_a_secret_lies_encrypted_and_is_the_callers_alone(program: Client, operator: Operator) -> None:
    secret = asked(program).json()["token"]
    kept = Answered.objects.get()
    assert secret not in kept.sealed
    assert KEY not in kept.digest
    other = Client(headers={"Authorization": f"Bearer {Token.issue(operator, 'act', lives=timedelta(hours=1))[1]}"})
    assert asked(other).json()["token"] != secret
    assert asked(program).json()["token"] == secret


def test_an_answer_that_cannot_be_read_any_more_is_no_reason_to_do_it_again(program: Client, settings: Any) -> None:
    assert asked(program).status_code == 201
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert "This was done" in asked(program).json()["detail"]
    settings.SECRET_KEY_FALLBACKS = [before]
    assert asked(program).status_code == 201
    assert Token.objects.filter(name="x").count() == 1


def test_a_key_that_is_none_is_refused_by_name(program: Client) -> None:
    assert "no Idempotency-Key" in asked(program, key="short").json()["detail"]
    assert not Token.objects.filter(name="x").exists()


def test_answers_are_forgotten_after_a_day(program: Client) -> None:
    asked(program)
    assert retention.forget()["answers given to programs"] == 0
    Answered.objects.update(begun=timezone.now() - timedelta(hours=25))
    assert retention.forget()["answers given to programs"] == 1
    assert asked(program).status_code == 201
    assert Token.objects.filter(name="x").count() == 2


def test_an_operation_without_it_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generated test can fail: one operation is freed of its guard."""
    bound = [op for router in api._get_bound_routers() for path in router.path_operations.values() for op in path.operations]
    tokens = next(op for op in bound if op.path == "/tokens" and "POST" in op.methods)
    plain: Callable[[HttpRequest], Any] = tokens.view_func.__wrapped__  # type: ignore[attr-defined]
    monkeypatch.setattr(tokens, "view_func", plain)
    with pytest.raises(AssertionError, match="POST /api/v1/tokens"):
        test_the_same_key_does_it_once_and_gets_the_same_answer(place)
