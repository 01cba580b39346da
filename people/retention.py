"""What is kept of persons, and for how long: nothing for ever. The audit trail's rows stay, without those who are in them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from people import audit
from people.models import FailedSignIn, Token

_FAILED_SIGN_INS = timedelta(days=1)
_ENDED_TOKENS = timedelta(days=30)  # for whoever asks what has ended


def forget() -> dict[str, int]:
    """How many of each. Asked again it finds nothing more."""
    now = timezone.now()
    return {
        "persons in audit rows": audit.erase(now - timedelta(days=settings.PERSON_DAYS)),
        "failed sign-ins": FailedSignIn.objects.filter(time__lt=now - _FAILED_SIGN_INS).delete()[0],
        "sessions that have ended": Session.objects.filter(expire_date__lt=now).delete()[0],
        "tokens that have ended": Token.objects.filter(expires__lt=now - _ENDED_TOKENS).delete()[0],
    }
