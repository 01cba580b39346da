"""What is to be told, stored where it happened. Nothing is sent from here: sending may fail, and may not hold the caller up."""

from __future__ import annotations

from django.apps import apps

from people.notifications.kinds import KINDS


def notify(kind: str, *, title: str, text: str, url: str, key: str, environment: str = "") -> None:
    """Stored in the caller's transaction and sent once for each `key`: the same key again says nothing new.

    `kind` is one of KINDS (ValueError otherwise); `url` is a path of the console; `environment` narrows who hears of it.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no kind of notification “{kind}”; there is {', '.join(KINDS)}")
    if not url.startswith("/") or url.startswith("//"):
        raise ValueError(f"a notification links to a path of the console, not to {url!r}")
    said = {"kind": kind, "title": title[:200], "text": text[:4000], "url": url[:400], "environment": environment}
    notifications = apps.get_model("notifications", "Notification")._default_manager  # models are there only after the apps are set up
    notifications.get_or_create(key=key[:300], defaults=said)
