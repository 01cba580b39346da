"""What was seen of the world, removed after its time: AWS itself forgets it within weeks."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from estate.models import BeanstalkEvent, ShopAnswer
from people.retention import delete_some


def remove_events(before: datetime, most: int) -> int:
    return delete_some(BeanstalkEvent.objects.filter(time__lt=before).order_by("time", "id"), most)


def remove_answers(before: datetime, most: int) -> int:
    """A row that stands for many goes when the last of them is old enough."""
    return delete_some(ShopAnswer.objects.filter(Q(until=None) | Q(until__lt=before), time__lt=before).order_by("time", "id"), most)
