"""Alarm states as lanes: what was before the span, what changed in it, what a release explains."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.alarms.models import Alarm, Reading, Transition
from monitoring.dashboards.lanes import lanes
from monitoring.dashboards.models import StoredDashboard
from people.models import Operator
from tests import scenery

pytestmark = pytest.mark.django_db
NAME = "Prod eb health"


def alarm(state: str, since: datetime) -> None:
    Alarm.objects.create(name=NAME, state=state, since=since, changed=since, seen=timezone.now())


def turned(new: str, at: datetime, *, expected: bool = False, run: int | None = None) -> None:
    Transition.objects.create(alarm=NAME, at=at, kind=Transition.Kind.STATE, new=new, summary=f"to {new}", expected=expected, run=run)


def test_the_state_before_the_span_goes_on_into_it() -> None:
    now = timezone.now()
    alarm("OK", now)
    turned("ALARM", now - timedelta(days=9))
    turned("OK", now - timedelta(hours=5))
    turned("ALARM", now - timedelta(minutes=40), expected=True, run=418)
    turned("INSUFFICIENT_DATA", now - timedelta(minutes=20))
    turned("OK", now - timedelta(minutes=10))
    (lane,) = lanes(now - timedelta(hours=1), now)
    assert [each.light for each in lane.stretches] == ["ok", "expected", "unknown", "ok"]
    assert lane.stretches[1].why == "run 418"
    assert lane.stretches[0].end == lane.stretches[1].start
    assert lane.stretches[-1].end is None


def test_an_alarm_without_known_history_shows_what_it_is_since_when() -> None:
    now = timezone.now()
    alarm("ALARM", now - timedelta(minutes=30))
    (lane,) = lanes(now - timedelta(hours=1), now)
    (only,) = lane.stretches
    assert (only.light, only.start, only.end) == ("bad", now - timedelta(minutes=30), None)


def test_how_long_it_has_been_so_does_not_end_at_the_edge_of_the_span() -> None:
    now = timezone.now()
    alarm("OK", now - timedelta(days=31))
    (lane,) = lanes(now - timedelta(hours=1), now)
    (only,) = lane.stretches
    assert only.start == now - timedelta(days=31)


def test_beside_a_lane_of_the_past_stands_what_the_alarm_is_now() -> None:
    now = timezone.now()
    alarm("ALARM", now - timedelta(minutes=9))
    turned("OK", now - timedelta(days=12))
    turned("ALARM", now - timedelta(minutes=9))
    read = scenery.alarms_read(now)
    (lane,) = lanes(now - timedelta(days=12, hours=1), now - timedelta(days=11))
    assert [each.light for each in lane.stretches] == ["ok"]
    assert (lane.now.light, lane.now.start) == ("bad", now - timedelta(minutes=9))
    assert lane.to_json()["now"] == {"light": "bad", "from": int(lane.now.start.timestamp()), "to": None, "why": ""}
    Reading.objects.filter(pk=read.pk).update(answered=now - timedelta(minutes=20))
    (lane,) = lanes(now - timedelta(days=12, hours=1), now - timedelta(days=11))
    assert (lane.now.light, lane.now.start, lane.now.why) == ("unknown", now - timedelta(minutes=20), "not read")


def test_what_was_not_read_lately_is_known_only_until_then() -> None:
    now = timezone.now()
    alarm("OK", now - timedelta(days=31))
    reading = scenery.alarms_read(now)
    (lane,) = lanes(now - timedelta(hours=1), now)
    assert [each.light for each in lane.stretches] == ["ok"]
    read = now - timedelta(minutes=20)
    Reading.objects.filter(pk=reading.pk).update(through=read)
    (lane,) = lanes(now - timedelta(hours=1), now)
    assert [(each.light, each.end) for each in lane.stretches] == [("ok", read), ("unknown", None)]
    assert lane.stretches[1].start == read


def test_lanes_come_with_what_happened(stored: StoredDashboard, client: Client, viewer: Operator) -> None:
    alarm("OK", timezone.now() - timedelta(minutes=5))
    client.force_login(viewer)
    (lane,) = client.get("/monitoring/shop/happened?span=1h").json()["alarms"]
    assert lane["name"] == NAME
    assert client.get(lane["url"]).status_code == 200
