"""A console without its database says so, in words and with a status that means “again, later”."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from people.models import Operator, Token


@pytest.fixture
def away(db: None) -> Iterator[list[str]]:
    """No statement is answered while the list has something in it."""
    switched: list[str] = []

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if switched:
            raise OperationalError("connection refused")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield switched


def browser() -> Client:
    return Client(raise_request_exception=False)


def test_a_page_says_that_the_database_is_away(viewer: Operator, away: list[str]) -> None:
    client = browser()
    client.force_login(viewer)
    assert client.get("/").status_code == 200
    away.append("now")
    answer = client.get("/")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.content.decode()
    assert answer.headers["Retry-After"] == "5"


def test_the_api_says_that_the_database_is_away(viewer: Operator, away: list[str]) -> None:
    from datetime import timedelta

    _, secret = Token.issue(viewer, "test", lives=timedelta(days=1))
    headers = {"Authorization": f"Bearer {secret}"}
    assert browser().get("/api/v1/runs", headers=headers).status_code == 200
    away.append("now")
    answer = browser().get("/api/v1/runs", headers=headers)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_any_other_fault_is_the_consoles_own(viewer: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    from opsconsole import views

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(views, "render", broken)
    client = browser()
    client.force_login(viewer)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "made a mistake" in answer.content.decode()
