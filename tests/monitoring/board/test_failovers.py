"""Failovers of databases and caches: told by AWS, kept when AWS forgets them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from estate import inventory
from estate.health import OK, WARN, CannotCheck
from monitoring.board import failovers
from monitoring.board.models import Failover
from tests.box import Control

pytestmark = pytest.mark.django_db
DATABASE, CACHE = "client-magento-prod", "client-redis-prod"


@pytest.fixture
def control(sandbox: dict[str, str]) -> Iterator[Control]:
    page = Control(sandbox)
    yield page
    page.close()


def states() -> dict[str, str]:
    return {each.key: each.state for each in failovers.failovers()}


def test_one_is_seen_said_and_kept(control: Control) -> None:
    with pytest.raises(CannotCheck):
        list(failovers.failovers())
    inventory.look([inventory.source("databases"), inventory.source("caches")])
    before = states()
    assert {DATABASE, CACHE, "client-shared"} <= set(before)
    assert before["client-shared"] == OK
    control.act("failover", of="database")
    control.act("failover", of="cache")
    assert {key: state for key, state in states().items() if key in (DATABASE, CACHE)} == {DATABASE: WARN, CACHE: WARN}
    texts = set(Failover.objects.values_list("text", flat=True))
    assert "Multi-AZ instance failover completed" in texts
    assert any(text.startswith("Failover from primary node client-redis-prod-00") for text in texts)
    count = Failover.objects.count()
    states()
    assert Failover.objects.count() == count, "each is kept once"
    Failover.objects.update(at=timezone.now() - timedelta(days=400))
    (old,) = Failover.objects.filter(kind="database", text__contains="completed")
    assert old in failovers.newest()
