"""The head of the audit trail, told to where nobody who has the database can reach: the log, and a bucket where the settings name one.

What was told there shows later that no row was cut off and none was written anew (`manage.py audit verify --head …`).
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from people import audit
from people.notifications.telling import notify
from remote.aws import storage

logger = logging.getLogger(__name__)
_last: list[audit.Head] = []


class NotWhole(Exception):
    """A row of the audit trail is not as it was written."""


def verify() -> None:
    """Reads the whole trail, once a day. Raises NotWhole, so that the duty shows as failed, after it was told to whoever hears of drift."""
    fault = audit.first_bad(outside=_last)
    if fault is not None:
        text = f"{fault.said[0].upper()}{fault.said[1:]}. Keep the database as it is, and look at who could write it."
        notify("drift", title="The audit trail is not whole", text=text, url=reverse("people:audit"), key=f"audit:{fault.number}")
        raise NotWhole(fault.said)


def send_head() -> audit.Head:
    """Nothing is sent where nothing was added. In the bucket every head has a key of its own: an object lock keeps it there."""
    now = audit.head()
    if now.number and now not in _last:
        logger.info("the audit trail reaches %s", now)
        if settings.AUDIT_BUCKET:
            _put(now)
        _last[:] = [now]
    return now


def _put(head: audit.Head) -> None:
    text = f"{head}\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head"
        path.write_bytes(text)
        key = f"ops-console/audit/{timezone.now():%Y/%m/%d}/{head.number:012d}"
        storage.put(settings.AUDIT_BUCKET, key, path, hashlib.sha256(text).hexdigest())
