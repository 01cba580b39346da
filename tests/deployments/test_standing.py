"""When the hosts of a release that failed are asked what they stand on: once after its end, and not at every turn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments import standing
from deployments.models import Standing
from estate.definition import Target
from people.models import Operator
from runs.models import Run
from tests import scenery

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked; each answers at once."""
    found: list[str] = []

    def look(target: Target) -> list[Standing]:
        found.append(target.service)
        told = {"service": target.service, "environment": target.environment.key, "host": "be", "seen": timezone.now()}
        Standing.objects.update_or_create(instance_id="i-0c41f7be92d5a3e18", defaults=told)
        return []

    monkeypatch.setattr(standing, "look", look)
    return found


def ended(releaser: Operator, after: timedelta) -> None:
    made = scenery.plan(releaser)
    scenery.run(made, releaser, state=Run.State.FAILED, ended=timezone.now() + after)


def test_they_are_asked_once_after_the_end(asked: list[str], releaser: Operator) -> None:
    ended(releaser, timedelta(seconds=-5))
    Standing.objects.create(
        service="magento",
        environment="production",
        instance_id="i-0c41f7be92d5a3e18",
        host="be",
        seen=timezone.now() - timedelta(seconds=30),
    )
    for _ in range(3):
        standing.watch()
    assert asked == ["magento"]


def test_an_end_that_lies_in_the_future_has_them_asked_once_a_minute(asked: list[str], releaser: Operator) -> None:
    """The clock of the worker that ended it is ahead."""
    ended(releaser, timedelta(minutes=10))
    for _ in range(3):
        standing.watch()
    assert asked == ["magento"]
    Standing.objects.update(seen=timezone.now() - standing.AGAIN)
    standing.watch()
    assert asked == ["magento", "magento"]
