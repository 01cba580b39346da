"""Guessing is slow: after some failures a name is closed for a while, first from one address, later from everywhere.

A name that nobody has is treated as any other, so the answer tells nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from people.models import FailedSignIn

WINDOW = timedelta(minutes=15)
FROM_ONE_ADDRESS = 5  # failures within the window
FROM_EVERYWHERE = 50  # of one name: many, so that a stranger cannot easily lock a person out
_KEPT = timedelta(days=1)


def closed_for(name: str, address: str) -> timedelta | None:
    """How long still; None where an attempt may be made."""
    now = timezone.now()
    failures = FailedSignIn.objects.filter(name=_key(name), time__gt=now - WINDOW)
    here = _reopens(
        list(failures.filter(address=address).order_by("-time").values_list("time", flat=True)[:FROM_ONE_ADDRESS]), FROM_ONE_ADDRESS
    )
    everywhere = _reopens(list(failures.order_by("-time").values_list("time", flat=True)[:FROM_EVERYWHERE]), FROM_EVERYWHERE)
    until = max(filter(None, (here, everywhere)), default=None)
    return until - now if until else None


def failed(name: str, address: str) -> None:
    FailedSignIn.objects.filter(time__lt=timezone.now() - _KEPT).delete()
    FailedSignIn.objects.create(name=_key(name), address=address)


def succeeded(name: str, address: str) -> None:
    """Forgets this address's failures alone: a guesser elsewhere stays counted."""
    FailedSignIn.objects.filter(name=_key(name), address=address).delete()


def _reopens(newest_first: list[datetime], limit: int) -> datetime | None:
    return newest_first[-1] + WINDOW if len(newest_first) >= limit else None


def _key(name: str) -> str:
    return name.casefold()[:150]
