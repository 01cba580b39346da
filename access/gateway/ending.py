"""Entries whose time is over are closed by the console itself; what ends soon is on the list of deadlines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from access.gateway import actions
from access.models import AllowedAddress
from access.starting import by_itself
from estate.deadlines import Deadline
from people.notifications import notify
from remote import observing
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.models import Run

logger = logging.getLogger(__name__)
EVERY = 10.0
AGAIN = timedelta(minutes=10)  # after a run that failed: each try is a run in the history
State = AllowedAddress.State


def check() -> None:
    """One at a time: the gateway's lock is one, so the next is tried at the next round."""
    now = timezone.now()
    over = AllowedAddress.objects.filter(until__lte=now, state__in=(State.ALLOWED, State.ASKED, State.FAILED)).order_by("until")
    for entry in over.select_related("run"):
        if entry.run is not None and entry.run.state == Run.State.FAILED and entry.run.ended and now - entry.run.ended < AGAIN:
            continue
        if observing.is_on():
            _tell_that_it_stays(entry)
            continue
        try:
            actions.end(entry, by=by_itself())
        except (Refusal, RemoteError) as error:
            logger.info("%s could not be closed yet: %s", entry.cidr, error)
    soon = AllowedAddress.objects.filter(state=State.ALLOWED, own=False, until__gt=now, until__lte=now + timedelta(days=7))
    for entry in soon:
        said = f"{entry.owner} ({entry.cidr}) is let in until {entry.until:%d %b %Y %H:%M} UTC; then the console takes it out by itself."
        notify(
            "access",
            title=f"An allowed address ends soon: {entry.cidr}",
            text=said,
            url="/access/allow-list/",
            key=f"allowed:{entry.pk}:{entry.until.isoformat()}",
        )


def _tell_that_it_stays(entry: AllowedAddress) -> None:
    notify(
        "access",
        title=f"An allowed address should have ended: {entry.cidr}",
        text=f"{entry.owner} ({entry.cidr}) was let in until {entry.until:%d %b %Y %H:%M} UTC. {observing.WHY} Take it out in AWS.",
        url="/access/allow-list/",
        key=f"allowed:{entry.pk}:observed:{entry.until.isoformat()}",
    )


def deadlines() -> Iterator[Deadline]:
    for entry in AllowedAddress.objects.filter(state=State.ALLOWED, own=False):
        yield Deadline(
            f"allowed:{entry.pk}", "allow-list", f"Allowed address {entry.cidr}", entry.until, "/access/allow-list/", entry.owner
        )
