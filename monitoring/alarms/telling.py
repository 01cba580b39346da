"""Telling people of an alarm, once for each transition."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from estate.reading import current
from monitoring.alarms.models import Transition
from people.notifications import notify


def tell(row: Transition) -> None:
    """What a release of ours is expected to do is no news; neither is a recovery from it."""
    if row.kind != Transition.Kind.STATE or row.expected or (row.new != "ALARM" and row.old != "ALARM"):
        return
    if row.new == "OK" and _was_expected(row):
        return
    declared = current().alarms.get(row.alarm)
    notify(
        "alarm",
        title=f"{row.new}: {row.alarm}",
        text=row.reason,
        url=reverse("alarms:detail", args=(row.alarm,)),
        key=f"alarm:{row.alarm}:{row.at.isoformat()}",
        environment=declared.environment if declared else "",
    )


def _was_expected(row: Transition) -> bool:
    before = Transition.objects.filter(alarm=row.alarm, kind=row.kind, new="ALARM", at__lt=row.at).order_by("-at").first()
    return before is not None and before.expected


def still(alarm: str, since: datetime, reason: str) -> None:
    """It was expected during a release, which is over, and it has not gone."""
    declared = current().alarms.get(alarm)
    notify(
        "alarm",
        title=f"ALARM still, after the release: {alarm}",
        text=reason,
        url=reverse("alarms:detail", args=(alarm,)),
        key=f"alarm:{alarm}:{since.isoformat()}:still",
        environment=declared.environment if declared else "",
    )
