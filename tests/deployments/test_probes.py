"""What the probe of an update makes of rows: only what Beanstalk says now is believed, and only what it said after the intent."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from deployments.effects.beanstalk import STALE, UpdateEnvironment
from estate import observe
from estate.models import BeanstalkEnvironment, Host, Watched
from runs.effects import Context, Done, Finding, NotDone, Running
from runs.plan import Act
from tests import scenery

pytestmark = pytest.mark.django_db
FRONT = "client-magento-prod"
LABEL = "r418-a91c3e7"


class Silent:
    def write(self, data: bytes, *, offset: int | None = None) -> None: ...

    def line(self, text: str) -> None: ...


@pytest.fixture(autouse=True)
def paused() -> None:
    """AWS throttles: for the next minute nobody asks it, and the rows are all that there is."""
    scenery.observed()
    now = timezone.now()
    for subject in observe.subjects(scenery.target(), observe._close(scenery.target())):
        later = {"tried": now, "failures": 6, "not_before": now + timedelta(minutes=1), "error": "AWS throttles."}
        Watched.objects.update_or_create(name=subject.name, defaults=later)


def asked(*, intent: datetime, seen: datetime, version: str = LABEL, **answer: object) -> Finding:
    """The answer to "was our update done?" where Beanstalk and every host last said so at `seen`."""
    BeanstalkEnvironment.objects.filter(pk=FRONT).update(status="Ready", version=version, updated=intent - timedelta(hours=1), seen=seen)
    arrived = {"version": version, "deployed": intent + timedelta(seconds=1), "deployment_status": "Deployed"}
    Host.objects.filter(beanstalk=FRONT).update(seen=seen, **arrived)
    act = Act(
        "beanstalk.update",
        "update:front",
        FRONT,
        params={"service": "magento", "environment": "production", "beanstalk": FRONT, "label": LABEL},
    )
    context = Context(1, 1, {}, intent, answer, lambda host: Silent(), lambda: False, 0.0)
    return UpdateEnvironment().probe(act, context)


def test_a_look_that_is_too_old_proves_nothing() -> None:
    now = timezone.now()
    intent = now - timedelta(minutes=5)
    fresh, old = now - STALE + timedelta(seconds=3), now - STALE - timedelta(seconds=1)
    assert isinstance(asked(intent=intent, seen=fresh, accepted="yes"), Done)
    found = asked(intent=intent, seen=old, accepted="yes")
    assert found == Running("waiting for Beanstalk's answer", {}, ask_again=1)


def test_an_old_look_does_not_prove_that_nothing_happened() -> None:
    """As after an old backup: its rows say Ready, with the version before, and a second request would follow from that."""
    now = timezone.now()
    intent = now - timedelta(minutes=5)
    assert isinstance(asked(intent=intent, seen=now - timedelta(seconds=1), version="r417-0000000"), NotDone)
    assert isinstance(asked(intent=intent, seen=now - STALE - timedelta(seconds=1), version="r417-0000000"), Running)


def test_a_look_from_before_the_intent_proves_nothing() -> None:
    now = timezone.now()
    assert isinstance(asked(intent=now - timedelta(seconds=3), seen=now - timedelta(seconds=2), accepted="yes"), Done)
    assert isinstance(asked(intent=now - timedelta(seconds=2), seen=now - timedelta(seconds=3), accepted="yes"), Running)
