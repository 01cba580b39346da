"""When disks, shares and databases are full: the line through what was seen, and what `df` really prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from estate import inventory, observe
from estate.deadlines import CannotCheck
from estate.models import Host
from estate.reading import current
from monitoring.asking import running
from monitoring.deadlines import rooms
from monitoring.deadlines.models import Sighting
from monitoring.deadlines.rooms import NEVER, Seen
from runs.doors import runner
from tests.box import Control

NOW = timezone.now().replace(microsecond=0)
GB = 1e9


def seen(hours: int, used: float, grows: float, size: float = 100 * GB) -> list[Seen]:
    """Of each of the last hours; `grows` in bytes an hour, `used` now."""
    return [Seen(NOW - timedelta(hours=ago), used - grows * ago, size) for ago in range(hours, -1, -1)]


def days(due: datetime | None) -> float:
    assert due is not None
    return (due - NOW) / timedelta(days=1)


@pytest.mark.parametrize(
    ("found", "least", "most"),
    [
        (seen(48, 40 * GB, 0.5 * GB), 4, 5),  # 60 GB are left, 12 a day
        (seen(48, 40 * GB, 0.05 * GB), 43, 50),  # whole weeks, while it is far
        (seen(48, 40 * GB, 0.0), 3643, 3650),  # it does not fill
        (seen(48, 40 * GB, -0.5 * GB), 3643, 3650),  # it empties
        (seen(2, 96 * GB, 0.0), 0, 0),  # full: no pace is needed
    ],
)
def test_the_pace_tells_when_it_is_full(found: list[Seen], least: float, most: float) -> None:
    assert least <= days(rooms.full_at(found, NOW)) <= most


def test_a_pace_that_was_seen_for_minutes_is_none() -> None:
    assert rooms.full_at([], NOW) is None
    assert rooms.full_at(seen(5, 40 * GB, 0.5 * GB), NOW) is None
    assert rooms.full_at(seen(6, 40 * GB, 0.5 * GB), NOW) is not None


@pytest.mark.parametrize("now", [datetime(2026, 11, 26, 0, 30, tzinfo=UTC), datetime(2026, 11, 26, 23, 30, tzinfo=UTC)])
@pytest.mark.parametrize("hours", [10, 23.75, 24, 30])
def test_what_is_full_within_hours_is_not_over(now: datetime, hours: float) -> None:
    found = [Seen(now - timedelta(hours=ago), (60 - hours - ago) * GB, 60 * GB) for ago in range(12, -1, -1)]
    due = rooms.full_at(found, now)
    assert due is not None
    assert now < due <= now + timedelta(hours=hours)
    if hours < 24:
        assert due == now + timedelta(hours=hours)


def test_df_is_read_as_it_is_printed() -> None:
    text = (
        "Filesystem                           1024-blocks      Used Available Capacity Mounted on\n"
        "/dev/nvme0n1p1                          52415468  12003456  40412012      23% /\n"
        "nfs.internal-client.url:/client-media  524288000 187904000 336384000      36% /var/app/current/pub/my media\n"
        "tmpfs                                          -         -         -       - /run\n"
        "df: /var/app/current/client: Stale file handle\n"
    )
    assert dict(rooms.read_df(text)) == {
        "/": (52415468 * 1024, 12003456 * 1024),
        "/var/app/current/pub/my media": (524288000 * 1024, 187904000 * 1024),
    }


@pytest.fixture
def control(sandbox: dict[str, str], db: None, valkey: object) -> Iterator[Control]:
    page = Control(sandbox)
    yield page
    page.clear()
    page.close()


def test_a_database_that_fills_is_soon_full(control: Control) -> None:
    inventory.look([inventory.source("databases")])
    far = {each.key: each for each in rooms.databases()}["client-magento-prod"]
    assert far.light(timezone.now()) == "ok", far
    control.fault("database-fills", times=-1, days="6")
    near = {each.key: each for each in rooms.databases()}["client-magento-prod"]
    assert near.light(timezone.now()) == "bad", near
    assert 4 <= (near.days_left(timezone.now()) or 0) <= 7
    assert "at the pace of the last 14 days" in near.why


def can_be_asked() -> None:
    observe.watch()
    for address in Host.objects.filter(gone=None).values_list("private_ip", flat=True):
        runner().install(str(address))


def test_disks_and_shares_are_seen_on_the_hosts_and_a_full_one_is_over(control: Control) -> None:
    with pytest.raises(CannotCheck, match="No host"):
        list(rooms.disks())
    can_be_asked()
    (unknown,) = rooms.disks()
    assert (unknown.due, "fe-2 /" in unknown.why) == (None, True)
    assert Sighting.objects.filter(place="magento/production /var/app/current/pub/media").count() == 1
    assert Sighting.objects.filter(place="fe-2 /").count() == 1
    control.act("disk-full", host="fe-2")
    found = {each.key: each for each in rooms.disks()}
    assert found["fe-2 /"].light(timezone.now()) == "bad"
    assert set(found) == {"fe-2 /", "unknown"}
    earlier = timezone.now() - timedelta(hours=7)
    Sighting.objects.bulk_create([Sighting(place="fe-1 /", at=earlier, size=100, used=1)])
    Sighting.objects.bulk_create([Sighting(place="gone /", at=timezone.now() - timedelta(days=15), size=100, used=1)])
    known = {each.key: each for each in rooms.disks()}
    assert known["fe-1 /"].due is not None
    assert known["fe-1 /"].due < timezone.now() + NEVER
    assert not Sighting.objects.filter(place="gone /").exists()


def test_a_host_that_does_not_answer_is_named_with_its_reason_and_another_tells_of_the_shares(control: Control) -> None:
    can_be_asked()
    address, host = next(iter(running(current().target("magento", "production")).items()))
    place = f"{host.name} /"
    control.fault("ssh-refuse", host=host.name, times=-1)
    control.fault("ssh-drop", host=host.name, times=-1, bytes="0")  # the connections that are there
    (unknown,) = rooms.disks()
    young, _, silent = unknown.why.partition(f" {place}: ")
    assert young.startswith("A pace needs 6 hours of sightings: ")
    assert place not in young
    assert address in silent
    assert Sighting.objects.filter(place="magento/production /var/app/current/pub/media").exists()
    earlier = timezone.now() - timedelta(hours=7)
    Sighting.objects.bulk_create([Sighting(place=place, at=earlier + timedelta(hours=ago), size=100, used=1) for ago in (0, 6)])
    known = {each.key: each for each in rooms.disks()}
    assert address in known[place].why
    assert f"{place}:" not in known["unknown"].why


@pytest.mark.django_db
def test_one_sighting_an_hour_is_kept(django_assert_max_num_queries: Any) -> None:
    """And read: however often it is looked, a place has a row for each hour of the two weeks, the newest."""
    hour = NOW.replace(minute=0, second=0)
    for minutes in range(0, 180, 15):
        rooms._keep({"fe-1 /": rooms.Room(100, minutes), "fe-2 /": rooms.Room(100, 1)}, hour + timedelta(minutes=minutes))
    kept = Sighting.objects.filter(place="fe-1 /").order_by("at").values_list("at", "used")
    assert list(kept) == [(hour + timedelta(minutes=minutes), minutes) for minutes in (45, 105, 165)]
    with django_assert_max_num_queries(1):
        list(rooms._of_places({"fe-1 /": ("One", ""), "fe-2 /": ("Two", "")}, {}, hour))
