"""Looking at the VPN host: every few seconds by the scheduler, and at the end of each run. What it says goes into the register."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from access import place, watching
from access.models import Seen, VpnUser
from access.place import Place
from access.vpn import register, server
from access.vpn.server import Server
from people.notifications import notify

EVERY = 15.0  # seconds: a rebuild is seen within as many
NAME = "vpn"


def watch() -> None:
    """For the scheduler."""
    watching.look(NAME, observe, every=EVERY)


def observe(*, closing: int | None = None) -> dict[str, str]:
    """One look; the users' states after it, by name. Raises RemoteError, NotConfigured."""
    began = timezone.now()
    Seen.objects.get_or_create(name=NAME)
    Seen.objects.filter(name=NAME).update(tried=began)
    where = place.find(place.vpn().instance)
    found = server.look(where.ip)
    with transaction.atomic():
        row = Seen.objects.select_for_update().get(name=NAME)
        if row.facts.get("began", "") > began.isoformat():  # somebody looked later, and was faster
            return dict(VpnUser.objects.values_list("name", "state"))
        return _keep(row, found, where, began, closing)


def _keep(row: Seen, found: Server, where: Place, began: datetime, closing: int | None) -> dict[str, str]:
    at = timezone.now()
    register.remember(found, at)
    states = register.settle(found, at, closing=closing)
    differs, before = register.differences(found), str(row.facts.get("differs", ""))
    told = {"ip": where.ip, "instance_id": where.instance_id, "image": where.image, "differs": str(differs), "began": began.isoformat()}
    Seen.objects.filter(name=NAME).update(answered=at, error="", facts={**found.to_json(), **told})
    if differs.any and str(differs) != before:
        notify("drift", title="The VPN differs from its register", text=f"{differs}.", url="/access/", key=f"vpn-differs:{at.isoformat()}")
    return states
