"""What was being released at a moment, and which alarms a release explains: Beanstalk's health is Info while anything is deployed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from estate.reading import current
from runs.models import Run

AFTER = timedelta(minutes=16)  # an alarm of three times five minutes may come, or go, so long after the release has ended
RELEASES = ("release", "adopted", "operation")


def at(alarm: str, moment: datetime) -> int | None:
    """The run that was changing the alarm's service then, the newest of several; of any service where the alarm has none of its own."""
    declared = current().alarms.get(alarm)
    runs = Run.objects.filter(kind__in=RELEASES, started__lte=moment).filter(Q(ended=None) | Q(ended__gte=moment - AFTER))
    if declared is not None and declared.service:
        runs = runs.filter(service=declared.service, environment=declared.environment)
    return runs.order_by("-number").values_list("number", flat=True).first()


def explains(alarm: str) -> bool:
    """Whether the estate says that a release is expected to raise this one."""
    declared = current().alarms.get(alarm)
    return declared is not None and bool(declared.service)
