"""What is kept of persons, and for how long: nothing for ever. The audit trail's rows stay, without those who are in them.

What is seen of the world ends by `runs.retention`; `delete_some` serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from people import answered, audit
from people.models import Answered, FailedSignIn, Token

_FAILED_SIGN_INS = timedelta(days=1)
_AT_ONCE = 500  # rows in one transaction
_ENDED_TOKENS = timedelta(days=30)  # for whoever asks what has ended


_registered: dict[str, Callable[[datetime], QuerySet[Any]]] = {}


def register(name: str, rows: Callable[[datetime], QuerySet[Any]]) -> None:
    """Told from above: what else is kept of persons, and which of it is over since before a moment. It goes after `PERSON_DAYS`."""
    _registered[name] = rows


def forget() -> dict[str, int]:
    """How many of each. Asked again it finds nothing more."""
    now = timezone.now()
    ended: dict[str, QuerySet[Any]] = {
        "failed sign-ins": FailedSignIn.objects.filter(time__lt=now - _FAILED_SIGN_INS),
        "sessions that have ended": Session.objects.filter(expire_date__lt=now),
        "answers given to programs": Answered.objects.filter(begun__lt=now - answered.KEPT),
        "tokens that have ended": Token.objects.filter(expires__lt=now - _ENDED_TOKENS),
    }
    over = now - timedelta(days=settings.PERSON_DAYS)
    ended |= {name: rows(over) for name, rows in _registered.items()}
    erased = audit.erase(over)  # it records itself
    return {"persons in audit rows": erased, **{name: _forget(name, rows) for name, rows in ended.items()}}


def delete_some(rows: QuerySet[Any], most: int) -> int:
    """The first of them, with what hangs on them. How many of them went."""
    keys = list(rows.values_list("pk", flat=True)[:most])
    if keys:
        rows.model._default_manager.filter(pk__in=keys).delete()
    return len(keys)


def _forget(name: str, rows: QuerySet[Any]) -> int:
    gone = 0
    while True:
        with transaction.atomic():
            removed = delete_some(rows, _AT_ONCE)
            if removed and not gone:
                audit.record("clean up", by=None, target=name)
        gone += removed
        if not removed:
            return gone
