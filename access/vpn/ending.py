"""What ends by itself: users whose time is over are revoked, after they were warned; whose access nobody has looked at for long, is told.

The scheduler does it. A change that finds the lock held is tried again the next time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from access import place
from access.models import Seen, VpnCertificate, VpnUser
from access.starting import by_itself
from access.vpn import actions
from access.vpn.actions import REVIEW_EVERY
from estate.deadlines import CannotCheck, Deadline
from people.notifications import notify
from remote import observing
from remote.errors import RemoteError
from runs.actions import Refusal

logger = logging.getLogger(__name__)
EVERY = 30.0
WARN_DAYS = (30, 7, 1)
AGAIN = timedelta(minutes=10)  # after a run that failed: each try is a run in the history
State = VpnUser.State


def check() -> None:
    now = timezone.now()
    for user in VpnUser.objects.select_related("run").filter(state=State.REVOKING, expires__lte=now):
        if user.run is not None and user.run.ended is not None and now - user.run.ended > AGAIN:
            _revoke(user)  # what could not be proven is tried again
    for user in _with_access(now):
        if user.expires <= now:
            _revoke(user)
        else:
            _warn(user, now)
            _remind(user, now)


def _with_access(now: datetime) -> QuerySet[VpnUser]:
    """Where a re-issue failed, too, the certificate from before works still."""
    working = VpnCertificate.objects.filter(ends__gt=now, is_revoked=False).values("name")
    return VpnUser.objects.filter(Q(state__in=(State.VALID, State.SUSPENDED)) | Q(state=State.FAILED, name__in=working))


def _revoke(user: VpnUser) -> None:
    if observing.is_on():
        said = f"{user.person}: its time is over, and it can still connect. {observing.WHY} Revoke it on the server."
        _tell(user, f"VPN user {user.name} should have ended", said, f"observed:{user.expires.isoformat()}")
        return
    try:
        run = actions.revoke(user, reason=f"its time was over {user.expires:%d %b %Y %H:%M} UTC", by=by_itself())
    except (Refusal, RemoteError) as error:
        logger.warning("%s could not be revoked yet: %s", user.name, error)
        return
    _tell(
        user,
        f"VPN user {user.name} has ended",
        f"{user.person}: its time is over; run {run.number} revokes it.",
        f"ended:{user.expires.isoformat()}",
    )


def _warn(user: VpnUser, now: datetime) -> None:
    """Once at each of the marks; the nearest counts where several are passed at once."""
    passed = [days for days in WARN_DAYS if user.expires - now <= timedelta(days=days)]
    if not passed:
        return
    left = max(0, (user.expires - now).days)
    to = f" Write to {user.contact}." if user.contact else ""
    ends = f"{user.expires:%d %b %Y %H:%M} UTC ({left} d left)"
    said = f"The access of {user.person} ends {ends} and is revoked by itself then. Renew it if it is needed.{to}"
    _tell(user, f"VPN user {user.name} ends soon", said, f"warn:{user.expires.isoformat()}:{min(passed)}")


def _remind(user: VpnUser, now: datetime) -> None:
    if now - user.reviewed > REVIEW_EVERY:
        said = f"Nobody has said since {user.reviewed:%d %b %Y} that {user.person} still needs it. Look at it, and keep it or revoke it."
        _tell(user, f"Is VPN user {user.name} still needed?", said, f"review:{user.reviewed.isoformat()}")


def _tell(user: VpnUser, title: str, text: str, key: str) -> None:
    with transaction.atomic():
        notify("access", title=title, text=text, url=f"/access/vpn/{user.name}/", key=f"vpn:{user.name}:{key}")


def deadlines() -> Iterator[Deadline]:
    """CRL and CA first: when one of them ends, everybody is out."""
    seen = Seen.objects.filter(name="vpn").first()
    if seen is None or seen.answered is None:
        raise CannotCheck(f"The VPN host has not answered yet. {seen.error if seen else ''}".strip())
    host = place.vpn().instance
    facts = seen.facts
    for key, kind, title, due, why in (
        ("crl", "CRL", f"CRL of {host}", facts["crl"]["next_update"], facts["crl"]["problem"] or "An expired CRL puts everybody out."),
        ("ca", "certificate", f"VPN CA of {host}", facts["ca_ends"], "No certificate is good after its CA."),
        ("server", "certificate", f"VPN server certificate of {host}", facts["server_ends"], "No client connects after it."),
    ):
        yield Deadline(f"vpn:{key}", kind, title, datetime.fromisoformat(due) if due else None, "/access/", why)
    for user in _with_access(timezone.now()):
        yield Deadline(f"vpn:user:{user.name}", "VPN user", f"VPN user {user.name}", user.expires, f"/access/vpn/{user.name}/", user.person)
