"""Things that one process at a time does again and again: who has the duty, and when it was last done."""

from __future__ import annotations

import os
import socket
import uuid
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from runs import clock
from runs.clock import Now
from runs.models import Duty

ME = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def take(name: str, *, seconds: float) -> bool:
    """For so long it is ours alone, unless somebody else has it."""
    Duty.objects.get_or_create(name=name)
    longest = max(seconds, clock.LONGEST_WAIT)
    free = Q(owner=ME) | Q(until__lt=Now()) | Q(until__gt=Now() + 10 * longest)
    return Duty.objects.filter(free, name=name).update(owner=ME, until=Now() + seconds) == 1


def renew(name: str, *, seconds: float) -> bool:
    """For so long from now it stays ours. False where it is not any more."""
    return Duty.objects.filter(name=name, owner=ME, until__gte=Now()).update(until=Now() + seconds) == 1


def done(name: str, *, error: str = "") -> None:
    Duty.objects.filter(name=name, owner=ME).update(ran=timezone.now(), error=error)


def age(name: str) -> timedelta | None:
    """How long ago it was last done; None: never."""
    ran = Duty.objects.filter(name=name).values_list("ran", flat=True).first()
    return timezone.now() - ran if ran else None
