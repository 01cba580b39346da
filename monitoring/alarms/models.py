"""What was last read of each alarm, every change of it for years, and what people said to it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Alarm(models.Model):
    """One alarm as CloudWatch last showed it. `points` are its newest figures: pairs of seconds since the epoch and value."""

    name = models.CharField(max_length=255, primary_key=True)
    definition = models.JSONField(default=dict)
    state = models.CharField(max_length=20)  # OK, ALARM, INSUFFICIENT_DATA
    reason = models.TextField(blank=True)
    since = models.DateTimeField()
    changed = models.DateTimeField()  # the definition
    seen = models.DateTimeField(db_index=True)
    gone = models.DateTimeField(null=True)  # CloudWatch has it no more
    points = models.JSONField(default=list)
    expected = models.BooleanField(default=False)  # its state follows from a release of ours
    run = models.BigIntegerField(null=True)  # what was being released when it changed
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    acknowledged = models.DateTimeField(null=True)
    note = models.TextField(blank=True)

    class Meta:
        db_table = "alarm"
        ordering = ["name"]

    @property
    def is_acknowledged(self) -> bool:
        """An acknowledgement is of one alarm; the next one wants its own."""
        return self.state == "ALARM" and self.acknowledged is not None and self.acknowledged >= self.since


class Transition(models.Model):
    """One line of an alarm's history. CloudWatch forgets it after 30 days; here it is kept."""

    class Kind(models.TextChoices):
        STATE = "StateUpdate"
        CONFIGURATION = "ConfigurationUpdate"
        ACTION = "Action"
        NOTE = "Note"  # a person's word, kept with the alarm's

    alarm = models.CharField(max_length=255)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=Kind)
    old = models.CharField(max_length=20, blank=True)
    new = models.CharField(max_length=20, blank=True)
    summary = models.CharField(max_length=255)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    expected = models.BooleanField(default=False)
    run = models.BigIntegerField(null=True)  # what was being released then
    stored = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "alarm_transition"
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["alarm", "at", "kind", "summary"], name="one_transition_of_a_kind_at_a_time")]
        indexes = [
            models.Index(fields=["alarm", "-at", "-id"], name="alarm_transition_page"),
            models.Index(fields=["-at", "-id"], name="transition_page"),
        ]


class Tunnel(models.Model):
    """One of the two tunnels of an IPSec connection, as last seen."""

    address = models.CharField(max_length=45, primary_key=True)
    link = models.CharField(max_length=255)
    connection = models.CharField(max_length=40)
    up = models.BooleanField()
    said = models.CharField(max_length=255, blank=True)
    since = models.DateTimeField()
    seen = models.DateTimeField()

    class Meta:
        db_table = "tunnel"
        ordering = ["link", "address"]


class Mute(models.Model):
    """A mute rule of CloudWatch's that is active or will be, as last seen."""

    name = models.CharField(max_length=255, primary_key=True)
    alarms = models.JSONField(default=list)
    begins = models.DateTimeField(null=True)  # None: it recurs
    ends = models.DateTimeField(null=True)
    schedule = models.CharField(max_length=120)
    active = models.BooleanField()

    class Meta:
        db_table = "alarm_mute"
        ordering = ["ends", "name"]


class Subscription(models.Model):
    """Who gets the messages of an alarm topic, as last seen."""

    topic = models.CharField(max_length=255)
    protocol = models.CharField(max_length=20)
    endpoint = models.CharField(max_length=500)
    confirmed = models.BooleanField()

    class Meta:
        db_table = "alarm_subscription"
        ordering = ["topic", "protocol", "endpoint"]


class Reading(models.Model):
    """How far CloudWatch has been read: one row. Each part of a look has its own time: a role may lack one call, and have the others."""

    PARTS: ClassVar = {  # what nobody knows where it was not read
        "answered": "in which state the alarms are",
        "through": "what changed (nobody is told of a change)",
        "figures": "what is bad and not yet alarming",
        "tunnels": "which tunnels are up",
        "mutes": "what is muted",
        "subscriptions": "who is subscribed",
    }

    answered = models.DateTimeField(null=True)  # states and definitions
    since = models.DateTimeField(null=True)  # from when the history is stored here …
    through = models.DateTimeField(null=True)  # … up to when
    figures = models.DateTimeField(null=True)
    tunnels = models.DateTimeField(null=True)
    mutes = models.DateTimeField(null=True)
    subscriptions = models.DateTimeField(null=True)
    asked = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    lost_from = models.DateTimeField(null=True)  # an outage longer than CloudWatch remembers: from here …
    lost_to = models.DateTimeField(null=True)  # … to here nothing is known

    class Meta:
        db_table = "alarm_reading"

    @property
    def behind(self) -> list[tuple[str, datetime | None]]:
        """What the last look could not read: in words, and when it was read last."""
        times = ((said, getattr(self, part)) for part, said in self.PARTS.items())
        return [(said, read) for said, read in times if read is None or self.asked is None or read < self.asked]

    @property
    def is_silent(self) -> bool:
        """Nothing at all answered the last look."""
        return len(self.behind) == len(self.PARTS)


class Message(models.Model):
    """A message of SNS that was believed: the same one again is refused."""

    id = models.CharField(max_length=64, primary_key=True)
    received = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "alarm_message"


class Refusal(models.Model):
    """Messages that were not believed, counted by why."""

    why = models.CharField(max_length=40, primary_key=True)
    count = models.BigIntegerField(default=0)
    last = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "alarm_refusal"
