"""What was told, and to whom it went. Rows are written by `telling` and `delivery` alone; channels by the pages of `channels`."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Notification(models.Model):
    """Something that happened. `key` is what makes it the same thing again: it is stored, and sent, once."""

    kind = models.CharField(max_length=20)  # one of KINDS
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    url = models.CharField(max_length=400)  # a path of the console
    key = models.CharField(max_length=300, unique=True)
    environment = models.CharField(max_length=40, blank=True)  # "" concerns all
    created = models.DateTimeField(default=timezone.now)
    spread = models.DateTimeField(null=True)  # when it was decided which channels it goes to

    class Meta:
        db_table = "notification"
        ordering = ["-created", "-id"]
        indexes = [models.Index(fields=["spread"], name="notification_spread")]

    def __str__(self) -> str:
        return self.title


class Channel(models.Model):
    """One way to one person or one team, and what goes there. Without an owner it is the team's.

    No address is kept here: mail to a person goes to the address of their account, everything else to a target of NOTIFY_TARGETS by its
    name, so an address that is a secret stands in the settings alone.
    """

    class How(models.TextChoices):
        MAIL = "mail", "Mail"
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Teams"
        WEBHOOK = "webhook", "Webhook"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="channels")
    team = models.CharField(max_length=60, blank=True)  # its name, where no person owns it
    how = models.CharField(max_length=10, choices=How)
    target = models.CharField(max_length=60, blank=True)  # a name in NOTIFY_TARGETS; "" is the owner's own mail address
    kinds = models.JSONField(default=list)
    environments = models.JSONField(default=list)  # none named: all
    quiet_from = models.TimeField(null=True)  # in the estate's zone; may reach over midnight
    quiet_until = models.TimeField(null=True)
    enabled = models.BooleanField(default=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "notification_channel"
        ordering = ["owner__username", "team", "id"]

    def __str__(self) -> str:
        return f"{self.get_how_display()} to {self.target or self.owner or self.team}"


class Delivery(models.Model):
    """One notification on its way through one channel."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        SENT = "sent"
        GIVEN_UP = "given_up"

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.IntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    ended = models.DateTimeField(null=True)
    said = models.TextField(blank=True)  # why it was not taken

    class Meta:
        db_table = "notification_delivery"
        constraints = [models.UniqueConstraint(fields=["notification", "channel"], name="one_delivery_per_channel")]
        indexes = [models.Index(fields=["state", "not_before"], name="delivery_due")]
