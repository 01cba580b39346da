"""Schemathesis over the whole of the API's own description: whatever is sent, the answer is one that it names, and never a 500.

`SCHEMA_EXAMPLES` asks for more than the few of every run of the suite.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from people.models import Operator, Token
from tests.hostile import furnished

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore::DeprecationWarning")]
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "6"))
# What fits the description may still name a service that there is not: that is a 422 with words, not a fault.
NOT_MEANT = [positive_data_acceptance]


@pytest.fixture
def description(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The application itself, in the test's own transaction: no request ends its connection. What is there is what was last seen."""
    furnished.nobody_there(monkeypatch)
    furnished.as_observed(monkeypatch)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def secret(admin: Operator) -> str:
    return Token.issue(admin, "test", lives=timedelta(hours=1))[1]


def test_every_answer_is_one_that_is_described(description: Any, secret: str) -> None:
    sent = {"Authorization": f"Bearer {secret}"}
    operations = [result.ok() for result in description.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: Any) -> None:
            case.call_and_validate(headers=sent, excluded_checks=NOT_MEANT)

        holds()
