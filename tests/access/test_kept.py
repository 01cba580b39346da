"""Who is out of the VPN for long, and addresses that were closed long ago, are forgotten; who may come in is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from access.models import AllowedAddress, DeliveryAttempt, VpnCertificate, VpnUser
from people import retention
from people.models import AuditEntry, Operator

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LONG_AGO, LATELY = NOW - timedelta(days=101), NOW - timedelta(days=99)
User, Address = VpnUser.State, AllowedAddress.State


def user(by: Operator, name: str, state: str, **more: Any) -> None:
    facts = {"person": "Jane", "reason": "shift", "expires": LONG_AGO, "created": LONG_AGO, "created_by": by}
    made = VpnUser.objects.create(name=name, state=state, **facts | more)
    DeliveryAttempt.objects.create(user=made, by="jane", given=True)
    VpnCertificate.objects.create(serial=name, name=name, ends=more.get("certificate_ends", LONG_AGO), line="R", on_server="R", seen=NOW)


def address(by: Operator, cidr: str, state: str, removed: datetime | None = None) -> None:
    AllowedAddress.objects.create(cidr=cidr, owner="x", reason="y", until=LONG_AGO, state=state, removed=removed, asked_by=by)


def test_who_is_out_for_long_is_forgotten_and_nobody_else(operator: Operator, settings: Settings) -> None:
    settings.PERSON_DAYS = 100
    user(operator, "long-out", User.REVOKED, revoked=LONG_AGO)
    user(operator, "out-with-a-certificate", User.REVOKED, revoked=LONG_AGO, certificate_ends=NOW)
    user(operator, "lately-out", User.REVOKED, revoked=LATELY)
    user(operator, "never-made", User.FAILED)
    for state in (User.VALID, User.SUSPENDED, User.REVOKING):
        user(operator, f"still-{state}", state)
    address(operator, "198.51.100.1", Address.REMOVED, LONG_AGO)
    address(operator, "198.51.100.2", Address.REMOVED, LATELY)
    for number, open_one in enumerate((Address.ALLOWED, Address.REMOVING, Address.FAILED, Address.ASKED), 3):
        address(operator, f"198.51.100.{number}", open_one)
    gone = retention.forget()
    assert gone["VPN users who are out"] == 3
    assert gone["VPN certificates that are over"] == 2
    assert gone["addresses that were let in"] == 1
    left = {"lately-out", "still-valid", "still-suspended", "still-revoking"}
    assert set(VpnUser.objects.values_list("name", flat=True)) == left
    assert set(VpnCertificate.objects.values_list("name", flat=True)) == left | {"out-with-a-certificate"}  # an old image may bring it back
    assert DeliveryAttempt.objects.count() == len(left)
    assert set(AllowedAddress.objects.values_list("cidr", flat=True)) == {f"198.51.100.{number}" for number in range(2, 7)}
    told = AuditEntry.objects.filter(action="clean up").values_list("target", flat=True)
    assert set(told) == {"VPN users who are out", "VPN certificates that are over", "addresses that were let in"}
    assert not any(retention.forget().values())
