"""The duty that brings notifications to people: who hears of it, when, and again where it was not taken.

A delivery is claimed by an UPDATE, so it is sent by one process; one that died half way is sent again: twice is better than never.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from people.notifications import hours, wording
from people.notifications.models import Channel, Delivery, Notification
from people.notifications.targets import targets
from people.permissions import may
from people.retention import delete_some
from remote import mail, webhook
from remote.errors import Denied, Refused, RemoteError

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks
MOST = 50  # sent in one look
ATTEMPTS = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 15.0, 1800.0  # seconds
_LOST = timedelta(minutes=5)  # a delivery that was being sent for so long is sent again
_State = Delivery.State


def deliver() -> None:
    now = timezone.now()
    spread(now)
    Delivery.objects.filter(state=_State.SENDING, not_before__lte=now - _LOST).update(state=_State.WAITING)
    due = Delivery.objects.filter(state=_State.WAITING, not_before__lte=now).select_related("notification", "channel__owner")
    for delivery in due.order_by("not_before", "pk")[:MOST]:
        if Delivery.objects.filter(pk=delivery.pk, state=_State.WAITING).update(state=_State.SENDING, not_before=now):
            _send(delivery)


def remove(before: datetime, most: int) -> int:
    """Not what is still on its way to somebody."""
    under_way = Delivery.objects.filter(state__in=(_State.WAITING, _State.SENDING)).values("notification")
    old = Notification.objects.filter(created__lt=before).exclude(spread=None).exclude(pk__in=under_way)
    return delete_some(old.order_by("created", "pk"), most)


def spread(now: datetime) -> None:
    """Decides to which channels each new notification goes."""
    for notification in Notification.objects.filter(spread=None).order_by("pk")[:MOST]:
        with transaction.atomic():
            if Notification.objects.filter(pk=notification.pk, spread=None).update(spread=now):
                channels = Channel.objects.filter(enabled=True).select_related("owner")
                wanted = [channel for channel in channels if wants(channel, notification)]
                Delivery.objects.bulk_create(
                    Delivery(
                        notification=notification,
                        channel=channel,
                        not_before=hours.speaks_at(channel.quiet_from, channel.quiet_until, now),
                    )
                    for channel in wanted
                )


def wants(channel: Channel, notification: Notification) -> bool:
    """Of a person's channel: only what they may see."""
    if notification.kind not in channel.kinds:
        return False
    if channel.environments and notification.environment and notification.environment not in channel.environments:
        return False
    return channel.owner is None or bool(may(channel.owner, "view", notification.environment))


def _send(delivery: Delivery) -> None:
    try:
        _through(delivery.channel, delivery.notification)
    except RemoteError as error:
        _not_taken(delivery, error)
        return
    Delivery.objects.filter(pk=delivery.pk).update(state=_State.SENT, attempts=delivery.attempts + 1, ended=timezone.now(), said="")


def _through(channel: Channel, notification: Notification) -> None:
    if not channel.target:
        address = channel.owner.email if channel.owner else ""
        if not address:
            raise Denied(f"{channel.owner or channel.team} has no mail address", "An admin gives one to the account.")
        _mail(address, notification)
        return
    target = targets().get(channel.target)
    if target is None or target.how != channel.how:
        raise Denied(f"NOTIFY_TARGETS names no {channel.how} “{channel.target}” any more", "Choose another target, or name it again.")
    match target.how:
        case "mail":
            _mail(target.address, notification)
        case "slack":
            webhook.post(target.address, wording.slack(notification))
        case "teams":
            webhook.post(target.address, wording.teams(notification))
        case _:
            webhook.post(target.address, wording.webhook(notification))


def _mail(address: str, notification: Notification) -> None:
    if not settings.EMAIL_URL:
        raise Denied("No mail server is set", "Set EMAIL_URL and DEFAULT_FROM_EMAIL.")
    subject, text = wording.mail(notification)
    mail.send(settings.EMAIL_URL, sender=settings.DEFAULT_FROM_EMAIL, to=address, subject=subject, text=text)


def _not_taken(delivery: Delivery, error: RemoteError) -> None:
    """Tried again with longer and longer pauses, unless the other side has said no for good."""
    attempts = delivery.attempts + 1
    over = (isinstance(error, Refused) and not error.try_again) or attempts >= ATTEMPTS
    pause = timedelta(seconds=min(_FIRST_PAUSE * 2.0**delivery.attempts, _LONGEST_PAUSE))
    now = timezone.now()
    log.warning("notification %s was not taken by %s: %s", delivery.notification.pk, delivery.channel, error)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=_State.GIVEN_UP if over else _State.WAITING,
        attempts=attempts,
        not_before=now + pause,
        ended=now if over else None,
        said=error.told,
    )
