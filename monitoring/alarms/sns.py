"""What SNS sends: believed where it is signed, new and of a topic that the estate knows; then CloudWatch is read at once.

A message is a doorbell: nothing that it says is stored, so that a forged one could not write history even if it were believed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from estate.reading import current
from monitoring.alarms import poller, signature
from monitoring.alarms.models import Message, Refusal
from people import audit
from remote.aws import topics
from remote.errors import RemoteError
from remote.http import fetch

log = logging.getLogger(__name__)

OLDEST = timedelta(hours=1)  # SNS tries again for so long
AHEAD = timedelta(minutes=5)
KEPT = 2 * OLDEST
LARGEST = 262_144 + 16_384  # bytes: SNS's own limit, and what is around it
_certificates: dict[str, bytes] = {}
_lock = threading.Lock()


class NotBelieved(Exception):
    """Refused, and counted. The text is the word it is counted under."""


def receive(body: bytes, now: datetime | None = None) -> str:
    """Says what was done. Raises NotBelieved, and RemoteError where the certificate cannot be had: SNS tries again."""
    now = now or timezone.now()
    try:
        message = _believed(body, now)
    except (NotBelieved, signature.NotSigned) as refused:
        _count(str(refused), now)
        raise NotBelieved(str(refused)) from None
    if message["Type"] == "SubscriptionConfirmation":
        arn = topics.confirm(message["TopicArn"], message["Token"])
        audit.record("confirm subscription", by=None, target=message["TopicArn"], facts={"subscription": arn}, origin="SNS")
        return "confirmed"
    if message["Type"] == "Notification":
        poller.poll(now)
        return "read"
    return "noted"


def _believed(body: bytes, now: datetime) -> Mapping[str, str]:
    message = _read(body)
    if message.get("TopicArn") not in {topic for alarm in current().alarms.values() for topic in alarm.topics}:
        raise NotBelieved("other topic")
    sent = _sent(message)
    if sent is None or not now - OLDEST <= sent <= now + AHEAD:
        raise NotBelieved("too old")
    signature.verify(message, _certificate(signature.certificate_url(message, settings.SNS_CERTIFICATE_HOST)), now)
    try:
        with transaction.atomic():
            Message.objects.create(id=message["MessageId"][:64], received=now)
    except IntegrityError:
        raise NotBelieved("replayed") from None
    Message.objects.filter(received__lt=now - KEPT).delete()
    return message


def _read(body: bytes) -> Mapping[str, str]:
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise NotBelieved("unreadable") from None
    if not isinstance(message, dict) or len(body) > LARGEST:
        raise NotBelieved("unreadable")
    return {str(name): value for name, value in message.items() if isinstance(value, str)}


def _sent(message: Mapping[str, str]) -> datetime | None:
    try:
        sent = parse_datetime(message.get("Timestamp", ""))
    except ValueError:
        return None
    return sent if sent is not None and timezone.is_aware(sent) else None


def _certificate(url: str) -> bytes:
    """Fetched once: SNS names a new one where it has a new key."""
    with _lock:
        if url not in _certificates:
            answer = fetch(url, deadline=5.0, limit=65_536)
            if answer.status != 200:
                raise signature.NotSigned("certificate")
            _certificates.clear()
            _certificates[url] = answer.body
        return _certificates[url]


def _count(why: str, now: datetime) -> None:
    Refusal.objects.get_or_create(pk=why)
    Refusal.objects.filter(pk=why).update(count=F("count") + 1, last=now)
    log.warning("a message for the alarms' endpoint was refused: %s", why)


__all__ = ["NotBelieved", "RemoteError", "receive"]
