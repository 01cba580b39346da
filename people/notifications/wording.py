"""A notification in the form that each kind of channel takes."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from people.notifications.models import Notification


def link(notification: Notification) -> str:
    return f"{settings.SITE_URL}{notification.url}"


def mail(notification: Notification) -> tuple[str, str]:
    """Subject and text."""
    where = f"[{notification.environment}] " if notification.environment else ""
    told = f"{notification.text}\n\n{link(notification)}\n\n-- \nOps Console, {notification.created:%Y-%m-%d %H:%M} UTC"
    return f"{where}{notification.title}"[:200], told


def slack(notification: Notification) -> dict[str, Any]:
    title = f"*<{link(notification)}|{_slack(notification.title)}>*"
    return {"text": "\n".join(filter(None, [title, _slack(notification.text)]))}


def teams(notification: Notification) -> dict[str, Any]:
    """An adaptive card, as the workflows of Teams take it."""
    words = [{"type": "TextBlock", "text": notification.title, "weight": "Bolder", "wrap": True}]
    if notification.text:
        words.append({"type": "TextBlock", "text": notification.text, "wrap": True})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": words,
        "actions": [{"type": "Action.OpenUrl", "title": "Open in Ops Console", "url": link(notification)}],
    }
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


def webhook(notification: Notification) -> dict[str, Any]:
    return {
        "key": notification.key,
        "kind": notification.kind,
        "title": notification.title,
        "text": notification.text,
        "url": link(notification),
        "environment": notification.environment,
        "time": notification.created.isoformat(),
    }


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
