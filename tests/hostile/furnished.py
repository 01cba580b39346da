"""A console with something behind each address, so that what is sent to a page gets as far as it can; and nobody there to be reached."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.tokens import default_token_generator
from django.core.management.color import no_style
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from access import place as access_place
from access.models import AllowedAddress, FtpRotation, VpnCertificate, VpnUser
from access.vpn import profile
from deployments import gates
from deployments.models import Booking
from estate import observe
from estate.models import Resource
from estate.reading import current
from monitoring.alarms import plans as alarm_plans
from monitoring.alarms.models import Alarm, Mute, Transition
from monitoring.dashboards.models import StoredDashboard
from people import sessions
from people.models import Operator, Role, Token
from people.notifications.models import Channel
from runs.actions import save_plan
from runs.models import Run, Step
from tests import scenery
from tests.people.decisions import API, OBJECTS, PAGES

NAME, ALARM = OBJECTS["name"], "DB CPU Prod"
LATER = 10 * 86400  # seconds by which proofs and sessions are younger than now: the whole corpus takes longer than they last


@dataclass
class Place:
    """`fits` has what fits in fields of those names; `objects` what stands in addresses, by page and name."""

    fits: dict[str, Any]
    objects: dict[str, str]
    admin: Client
    half: Client  # gave the password, and not yet the second factor
    stranger: Client
    program: Client
    instead: dict[str, dict[str, Any]]  # what stands in addresses of the API, by the operation's name, where `objects` does not fit

    def address(self, page: str, inside: set[str]) -> str:
        return reverse(page, kwargs={key: self.objects.get(f"{page}:{key}", self.objects.get(key, "")) for key in inside})

    def client_of(self, page: str) -> Client:
        if page.startswith("mfa_") and PAGES[page].who == "open":
            return self.half
        return self.stranger if PAGES[page].who == "open" else self.admin


def furnish(person: Any) -> Place:
    owner, mary = person("owner", Role.ADMIN), person("mary", Role.VIEWER)
    ruling = signed_in(owner)
    owner = Operator.objects.get(pk=owner.pk)  # who knows that they have a second factor
    now = timezone.now()
    scenery.observed()
    rows(owner, mary, now)
    made, settled = scenery.plan(owner), scenery.plan(owner)
    for plan in (made, settled):
        plan.environment = plan.lock_group = "pre-production" if plan is settled else "production"
        plan.save()
    waiting = scenery.run(settled, owner, state=Run.State.UNKNOWN, holds_lock=False)
    waiting.steps.filter(position=1).update(state=Step.State.UNKNOWN)
    ended = scenery.run(settled, owner, state=Run.State.FAILED)
    running = scenery.run(made, owner, state=Run.State.RUNNING, holds_lock=False)
    FtpRotation.objects.create(run=waiting, key="a-key", asked_by=owner)
    alarms = save_plan(alarm_plans.mute([ALARM], now, 5, "test"), by=owner)
    free = scenery.plan(mary)
    booking = Booking.objects.create(plan=made, hash=made.hash, lock_group=made.lock_group, by=owner)
    objects = OBJECTS | {
        "person": str(mary.pk),
        "number": str(running.number),
        "pk": str(free.pk),
        "plan_id": str(free.pk),
        "environment": "production",
        "booking": str(booking.pk),
        "booking_id": str(booking.pk),
        "alarms:plan:pk": str(alarms.pk),
        "alarms:start:pk": str(alarms.pk),
        "handover:operate:kind": "volume",
        "handover:operate:what": "snapshot",
        "people:welcome:uidb64": urlsafe_base64_encode(force_bytes(mary.pk)),
        "people:welcome:token": default_token_generator.make_token(mary),
    }
    for page, decided in PAGES.items():
        if decided.action == "settle":
            objects |= {f"{page}:number": str(waiting.number), f"{page}:environment": "pre-production"}
        if page.startswith("alarms:"):
            objects[f"{page}:name"] = ALARM
    objects |= {"runs:release-lock:number": str(ended.number), "access:allow-agree:entry": "2"}
    fits = {"hash": free.hash, "plan": str(free.pk), "confirmation": "production", "service": "magento", "environment": "production"}
    Channel.objects.create(owner=owner, how=Channel.How.MAIL, kinds=["release"])
    for who in (owner, mary):
        Token.issue(who, "another", lives=timedelta(days=9))
    objects["token"] = str(Token.objects.get(operator=owner).pk)
    secret = Token.issue(owner, "test", lives=timedelta(days=9))[1]
    program = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
    return Place(
        fits, objects, ruling, at_the_second_door(owner), Client(raise_request_exception=False), program, instead_of(waiting, ended)
    )


def instead_of(waiting: Run, ended: Run) -> dict[str, dict[str, Any]]:
    told = {name: {"number": str(waiting.number)} for name, decided in API.items() if decided.action == "settle"}
    told |= {name: {"name": ALARM} for name in API if "/alarms/" in name}
    return told | {
        "POST /runs/{int:number}/release-lock": {"number": str(ended.number)},
        "POST /allowed-addresses/{int:entry}/agree": {"entry": "2"},
        "POST /claims/{int:claim}/statements": {"until": f"{timezone.now() + timedelta(days=9):%Y-%m-%d}"},
        "POST /vpn-users/{name}/claim": {"name": "jane.roe"},
        "POST /vpn-users/{name}/revoke-unknown": {"name": "jane.roe"},
        "POST /alarm-subscriptions": {"topic": current().alarms[ALARM].topics[0]},
        "POST /resource-operations": {"kind": "volume"},
        "POST /mutes": {"alarms": [ALARM]},
        "DELETE /operators/{int:person}/tokens/{int:token}": {"token": str(Token.objects.get(operator__username="mary").pk)},
    }


def rows(owner: Operator, other: Operator, now: Any) -> None:
    for kind in ("database", "certificate", "volume"):
        key = OBJECTS["resource"]
        Resource.objects.create(kind=kind, key=key, name=key, source="x", first_seen=now, changed=now, facts={"type": "imported"})
    ends = now + timedelta(days=300)
    common = {"person": "Jane", "reason": "shift", "expires": now + timedelta(days=30), "created_by": owner}
    VpnUser.objects.create(name=NAME, state=VpnUser.State.VALID, serial="01", certificate_ends=ends, **common)
    for serial, name in (("01", NAME), ("02", "jane.roe")):
        VpnCertificate.objects.create(serial=serial, name=name, ends=ends, line=f"V {serial} {name}", on_server="V", seen=now)
    AllowedAddress.objects.create(
        pk=1, cidr="198.51.100.7", services=["rdp"], owner="x", reason="y", until=ends, state=AllowedAddress.State.ALLOWED, asked_by=owner
    )
    AllowedAddress.objects.create(
        pk=2, cidr="198.51.100.0/22", services=["rdp"], owner="x", reason="y", until=ends, state=AllowedAddress.State.ASKED, asked_by=other
    )
    with connection.cursor() as cursor:  # PostgreSQL does not count what came with a number
        for statement in connection.ops.sequence_reset_sql(no_style(), [AllowedAddress]):
            cursor.execute(statement)
    scenery.alarms_read(now)
    Alarm.objects.create(name=ALARM, state="ALARM", since=now, changed=now, seen=now)
    Mute.objects.create(name=OBJECTS["rule"], alarms=[ALARM], ends=ends, schedule="x", active=True)
    Transition.objects.create(alarm=ALARM, at=now, kind=Transition.Kind.STATE, old="OK", new="ALARM", summary="to ALARM")
    widgets = [{"type": "metric", "properties": {"title": "CPU", "metrics": [["AWS/RDS", "CPUUtilization"]], "period": 60}}]
    StoredDashboard.objects.create(name=NAME, body=json.dumps({"widgets": widgets}), modified="1", read=now)


def signed_in(operator: Operator) -> Client:
    """With a second factor, and a session that does not grow old."""
    totp.TOTP.activate(operator, totp.generate_totp_secret())
    RecoveryCodes.activate(operator)
    client = Client(raise_request_exception=False)
    client.force_login(operator)
    session, later = client.session, time.time() + LATER
    session[sessions.BEGAN] = session[sessions.ACTIVE] = later
    session["account_authentication_methods"] = [{"method": "password", "at": later}, {"method": "mfa", "type": "totp", "at": later}]
    session.save()
    return client


def at_the_second_door(operator: Operator) -> Client:
    client = Client(raise_request_exception=False)
    client.post(reverse("people:sign-in"), {"username": operator.username, "password": f"{operator.username}-long-enough"})
    return client


def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not on this machine refuses the connection at once."""
    for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
        monkeypatch.delenv(name)
    connect = socket.socket.connect

    def refused(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise ConnectionRefusedError(111, "Connection refused")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refused)


def as_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was last seen of the hosts is what is there, and no gate is closed: more of what is sent gets through to the end."""
    monkeypatch.setattr(gates, "evaluate", lambda asked: [])
    monkeypatch.setattr(observe, "look", lambda subjects: None)
    monkeypatch.setattr(access_place, "find", lambda instance: access_place.Place(instance, OBJECTS["instance"], "10.0.1.21", "ami-1"))
    monkeypatch.setattr(profile, "look", lambda ip, name: profile.Found(None, (), (), (), None, "", ()))
