"""The one download of a profile, which is a private key: read from the host when it is taken, and never kept here.

Whoever takes it is either signed in, or has a one-time link that an operator made. The second try is refused, and each try is on record.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from access import place
from access.models import DeliveryAttempt, DownloadLink, VpnUser
from access.vpn import commands, plans
from people import audit
from people.models import Operator
from people.permissions import require
from remote.errors import RemoteError
from runs.actions import Refusal
from runs.doors import runner

LINK_LIVES = timedelta(minutes=10)
LARGEST = 64 * 1024  # bytes of a profile
_SECONDS = 8
State = VpnUser.State


class Gone(Refusal):
    """It was taken, or the link is over. The text says when, and what to do."""


@dataclass(frozen=True, slots=True)
class Profile:
    """For the answer to one request; it is forgotten with it."""

    name: str
    content: bytes

    def __repr__(self) -> str:
        return f"Profile({self.name!r})"  # an error page or a log line shows no key


def take(user: VpnUser, *, origin: str, by: Operator) -> Profile:
    """The one download, by a signed-in operator. Raises Forbidden, Gone, RemoteError."""
    require(by, plans.KIND, place.ways_in().environment)
    return _take(user, by.username, origin, by)


def make_link(user: VpnUser, *, by: Operator) -> tuple[DownloadLink, str]:
    """A link for the person, and its secret, which is shown once. 256 bits; here is only its digest. An earlier link is over by it."""
    require(by, plans.KIND, place.ways_in().environment)
    if why := _not_there(user):
        raise Gone(why)
    secret = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        DownloadLink.objects.filter(user=user, used=None, expires__gt=now).update(expires=now)
        link = DownloadLink.objects.create(user=user, digest=_digest(secret), serial=user.serial, created_by=by, expires=now + LINK_LIVES)
    audit.record("vpn.link", by=by, target=user.name, facts={"until": link.expires.isoformat()})
    return link, secret


def behind(secret: str) -> DownloadLink:
    """Raises Gone."""
    link = DownloadLink.objects.select_related("user", "created_by").filter(digest=_digest(secret)).first()
    if link is None:
        raise Gone("There is no such link, or it is over. Ask whoever sent it for a new one.")
    over = (
        _not_there(link.user, by_link=True)
        or ("It was used." if link.used else "")
        or ("Its ten minutes are over." if link.expires <= timezone.now() else "")
    )
    if over or link.serial != link.user.serial:
        raise Gone(f"{over or 'The certificate has been made anew since.'} Ask {link.created_by} for a new one.")
    return link


def take_by_link(secret: str, *, origin: str) -> Profile:
    """Raises Gone, RemoteError."""
    try:
        link = behind(secret)
    except Gone as gone:
        _refuse_link(secret, str(gone), origin)
        raise
    now = timezone.now()
    if DownloadLink.objects.filter(pk=link.pk, used=None, expires__gt=now).update(used=now) != 1:
        raise Gone(f"It was used. Ask {link.created_by} for a new one.")
    try:
        return _take(link.user, f"a link of {link.created_by.username}", origin, None)
    except RemoteError:
        DownloadLink.objects.filter(pk=link.pk).update(used=None)
        raise


def _take(user: VpnUser, who: str, origin: str, by: Operator | None) -> Profile:
    """Claims it first, so that of two at once one gets it; gives the claim back where nothing could be read."""
    mine = VpnUser.objects.filter(pk=user.pk, delivered=None, serial=user.serial, state__in=(State.VALID, State.SUSPENDED))
    if mine.update(delivered=timezone.now(), delivered_to=who) != 1:
        user.refresh_from_db()
        why = _not_there(user, by_link=by is None) or "Somebody took it at this very moment."
        _note(user, who, origin, why, by)
        raise Gone(why)
    try:
        content = _read(user.name)
    except (RemoteError, Refusal) as error:
        VpnUser.objects.filter(pk=user.pk, delivered_to=who).update(delivered=None, delivered_to="")
        _note(user, who, origin, f"{error}", by)
        raise
    _note(user, who, origin, "", by)
    return Profile(user.name, content)


def _read(name: str) -> bytes:
    where = place.find(place.vpn().instance)
    content = bytearray()
    for piece in runner().read(where.ip, commands.profile(name).argv, seconds=_SECONDS):
        content += piece
        if len(content) > LARGEST:
            raise RemoteError(f"The profile of {name} is larger than {LARGEST} bytes", "Look at it on the host: it is no profile.")
    if b"<key>" not in content or not content.rstrip().endswith(b">"):
        raise RemoteError(f"The profile of {name} came incomplete", "Nothing was handed over; try again.")
    return bytes(content)


def _not_there(user: VpnUser, *, by_link: bool = False) -> str:
    """Why there is nothing to take; `by_link`: it is told to somebody who can only ask for another."""
    if user.delivered is not None:
        next_step = "" if by_link else " Re-issue it for a new one."
        return f"The one download of {user.name} was taken {user.delivered:%d %b %H:%M} UTC by {user.delivered_to}.{next_step}"
    if user.state not in (State.VALID, State.SUSPENDED):
        return f"{user.name} is {user.state}: there is nothing to download."
    return ""


def _note(user: VpnUser, who: str, origin: str, refused: str, by: Operator | None) -> None:
    DeliveryAttempt.objects.create(user=user, by=who[:150], origin=origin[:60], given=not refused, said=refused[:300])
    audit.record(
        "vpn.download",
        by=by,
        target=user.name,
        why=refused or f"by {who}",
        result="refused" if refused else "ok",
        facts={"serial": user.serial},
    )


def _refuse_link(secret: str, why: str, origin: str) -> None:
    link = DownloadLink.objects.select_related("user", "created_by").filter(digest=_digest(secret)).first()
    if link is not None:
        _note(link.user, f"a link of {link.created_by.username}", origin, why, None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
