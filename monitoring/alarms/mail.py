"""The alarm topic's mail subscription as a deadline: a token that nobody has clicked ends after some days, and no mail comes."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils import timezone

from estate.deadlines import Deadline
from estate.reading import current
from remote.aws import topics


def deadlines() -> Iterable[Deadline]:
    """Raises RemoteError. A topic whose mail is confirmed has none."""
    for topic in sorted({topic for alarm in current().alarms.values() for topic in alarm.topics}):
        mails = [each for each in topics.subscriptions(topic) if each.protocol in ("email", "email-json")]
        name = topic.rpartition(":")[2]
        page = reverse("alarms:list")
        if not mails:
            why = "No mail address is subscribed to it: an alarm reaches nobody."
            yield Deadline(f"mail-{name}", "subscription", f"Mail of {name}: nobody", timezone.now(), page, why)
        for mail in mails:
            if not mail.is_confirmed:
                why = "The subscription waits for the click in SNS's mail; until then no alarm is mailed there."
                title = f"Mail of {name} to {mail.endpoint}: not confirmed"
                yield Deadline(f"mail-{name}-{mail.endpoint}", "subscription", title, timezone.now(), page, why)
