"""What people do with channels: add, pause, remove, test. A person's own are theirs; a team's are the admins'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

from django.db import transaction
from django.utils import timezone

from people import audit
from people.models import Operator
from people.notifications.kinds import KINDS
from people.notifications.models import Channel, Delivery, Notification
from people.notifications.targets import targets
from people.permissions import Forbidden, may

MOST = 20  # channels of one person, or of the teams together
OWN_MAIL = "own-mail"


class Unusable(ValueError):
    """What was asked for cannot be. The text says what is wrong and what to do."""


@transaction.atomic
def add_channel(
    target: str,
    kinds: Sequence[str],
    environments: Sequence[str] = (),
    quiet: tuple[time, time] | None = None,
    team: str = "",
    *,
    by: Operator,
) -> Channel:
    """To `target` of NOTIFY_TARGETS, or to the person's own mail (OWN_MAIL). With `team` it is that team's. Raises Unusable, Forbidden."""
    _may_change(by, is_team=bool(team))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise Unusable(f"Choose of what it tells: {', '.join(KINDS)}.")
    if len(team) > 60:
        raise Unusable("A team's name has at most 60 characters.")
    how, name = Channel.How.MAIL.value, ""
    if target != OWN_MAIL:
        found = targets().get(target)
        if found is None:
            raise Unusable(f"There is no target “{target[:60]}”. An admin names targets in NOTIFY_TARGETS.")
        how, name = found.how, found.name
    elif team:
        raise Unusable("A team has no mail of its own: name its address in NOTIFY_TARGETS.")
    elif not by.email:
        raise Unusable("Your account has no mail address. An admin gives it one.")
    owner = None if team else by
    if Channel.objects.filter(owner=owner).count() >= MOST:
        raise Unusable(f"There are {MOST} channels already: remove one first.")
    channel = Channel.objects.create(
        owner=owner,
        team=team,
        how=how,
        target=name,
        kinds=list(dict.fromkeys(kinds)),
        environments=list(dict.fromkeys(environments)),
        quiet_from=quiet[0] if quiet else None,
        quiet_until=quiet[1] if quiet else None,
    )
    audit.record("notification channel added", by=by, target=str(channel), facts={"kinds": ", ".join(channel.kinds), "team": team})
    return channel


@transaction.atomic
def remove_channel(channel: Channel, *, by: Operator) -> None:
    """Raises Forbidden."""
    _may_change_this(channel, by)
    audit.record("notification channel removed", by=by, target=str(channel), facts={"team": channel.team})
    channel.delete()


@transaction.atomic
def pause_channel(channel: Channel, *, on: bool, by: Operator) -> None:
    """`on` False pauses it. Raises Forbidden."""
    _may_change_this(channel, by)
    Channel.objects.filter(pk=channel.pk).update(enabled=on)
    audit.record(f"notification channel {'resumed' if on else 'paused'}", by=by, target=str(channel), facts={"team": channel.team})


@transaction.atomic
def test_channel(channel: Channel, *, by: Operator) -> Delivery:
    """Sends a notification through this channel alone, at once, whatever its hours are. Raises Forbidden."""
    _may_change_this(channel, by)
    now = timezone.now()
    notification = Notification.objects.create(
        kind="access",
        title=f"Test of {channel}",
        text=f"{by} tests this channel. If you read this, it works.",
        url="/notifications/",
        key=f"test:{channel.pk}:{now.isoformat()}",
        spread=now,
    )
    return Delivery.objects.create(notification=notification, channel=channel)


def _may_change_this(channel: Channel, by: Operator) -> None:
    if channel.owner_id is not None and channel.owner_id != by.pk:
        raise Forbidden("It is somebody else's channel.")
    _may_change(by, is_team=channel.owner_id is None)


def _may_change(by: Operator, *, is_team: bool) -> None:
    decision = may(by, "notify-team" if is_team else "notify")
    if not decision:
        raise Forbidden(decision.why)
