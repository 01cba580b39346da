"""Deadlines and health from the inventory: what ends, who is primary, and what the inventory could not read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from estate import inventory
from estate.deadlines import Deadline
from estate.health import BAD, OK, UNKNOWN, WARN, CannotCheck
from estate.models import Resource, Watched
from monitoring.board import inventory_checks
from monitoring.deadlines import inventory as ends

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def seen(kind: str, key: str, **facts: Any) -> None:
    source = next(each for each in inventory.sources() if kind in each.kinds)
    Watched.objects.update_or_create(name=inventory.watched_name(source), defaults={"answered": NOW, "tried": NOW})
    Resource.objects.create(kind=kind, key=key, name=key, source=source.name, facts=facts, first_seen=NOW, changed=NOW)


def one(found: Any) -> Deadline:
    (deadline,) = found
    assert isinstance(deadline, Deadline)
    return deadline


def test_an_imported_certificate_ends_and_one_that_is_renewed_does_not() -> None:
    ends_at = (NOW + timedelta(days=10)).isoformat()
    seen("certificate", "arn:imported", type="IMPORTED", region="us-east-1", ends=ends_at, renewal="INELIGIBLE", used_by=["a", "b"])
    seen("certificate", "arn:renewed", type="AMAZON_ISSUED", region="eu-west-3", ends=ends_at, renewal="ELIGIBLE")
    found = one(ends.certificates())
    assert found.key == "arn:imported"
    assert found.light(NOW) == "bad"
    assert "us-east-1" in found.why


def test_a_snapshot_grows_too_old_and_a_database_without_one_is_unknown() -> None:
    for name in ("shop", "bare"):
        seen("database", name)
    for hours, automated in ((50, True), (27, True), (1, False)):
        taken = (NOW - timedelta(hours=hours)).isoformat()
        seen("database-snapshot", f"s{hours}", database="shop", automated=automated, taken=taken)
    found = {each.key: each for each in ends.snapshots()}
    assert found["shop"].light(NOW) == "bad"
    assert found["bare"].due is None


def test_domains_and_temporary_files() -> None:
    seen("domain", "internal-client.url", auto_renew=True, ends=(NOW + timedelta(days=100)).isoformat())
    seen("bucket", "client-temp-storage", objects=3, oldest=(NOW - timedelta(days=40)).isoformat())
    seen("bucket", "client-billing", objects=3, oldest=(NOW - timedelta(days=400)).isoformat())
    assert one(ends.domains()).light(NOW) == "ok"
    assert one(ends.temporary_files()).light(NOW) == "bad"


def test_what_the_inventory_could_not_read_cannot_be_checked() -> None:
    with pytest.raises(CannotCheck, match="has not read them yet"):
        list(ends.certificates())
    with pytest.raises(CannotCheck, match="has not read them yet"):
        list(inventory_checks.databases())
    seen("database", "shop", status="available")
    Watched.objects.update(error="AWS wants a pause.", failures=2)
    with pytest.raises(CannotCheck, match="AWS wants a pause"):
        list(inventory_checks.databases())


def test_a_cache_has_one_primary_and_somebody_to_take_over() -> None:
    pair = [{"node": "a", "role": "primary"}, {"node": "b", "role": "replica"}]
    seen("cache", "good", status="available", members=pair, primaries=1, replicas=1, failover="enabled")
    seen("cache", "alone", status="available", members=pair[:1], primaries=1, replicas=0, failover="enabled")
    seen("cache", "headless", status="available", members=pair[1:], primaries=0, replicas=1, failover="enabled")
    found = {each.key: each for each in inventory_checks.caches()}
    assert {key: each.state for key, each in found.items()} == {"good": OK, "alone": WARN, "headless": BAD}
    assert "primary is a" in found["good"].said


def test_a_database_that_is_not_available_is_not_green() -> None:
    for name, status in (("up", "available"), ("down", "failed")):
        seen("database", name, status=status, zone="eu-west-3a")
    assert {each.key: each.state for each in inventory_checks.databases()} == {"up": OK, "down": BAD}


def test_a_public_name_leads_to_something_of_ours() -> None:
    seen("load-balancer", "shop", dns="shop-1.elb.amazonaws.com")
    seen("distribution", "media", domain="d1.cloudfront.net")
    seen("zone", "Z1", private=False)
    seen("zone", "Z2", private=True)
    Resource.objects.filter(key="Z1").update(name="client.url")
    Resource.objects.filter(key="Z2").update(name="internal-client.url")
    for name, alias in (
        ("www.client.url", "dualstack.shop-1.elb.amazonaws.com"),
        ("media.client.url", "d1.cloudfront.net"),
        ("static.client.url", "d9.cloudfront.net"),
    ):
        seen("record", f"client.url {name} A", zone="client.url", type="A", values=[], alias=alias)
        Resource.objects.filter(key=f"client.url {name} A").update(name=name)
    found = {each.key: each for each in inventory_checks.names()}
    assert {key: each.state for key, each in found.items()} == {
        "www.client.url": OK,
        "media.client.url": OK,
        "static.client.url": WARN,  # somebody else's distribution
        "preprod.client.url": BAD,  # no record
    }
    assert "load balancer shop" in found["www.client.url"].said
    Resource.objects.filter(key="Z1").update(name="other.url")
    assert {each.state for each in inventory_checks.names()} == {UNKNOWN}
