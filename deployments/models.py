"""Releases, what was taken from a failing host before anybody could terminate it, and what the guard of maintenance mode found."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from runs.models import Plan, Run


class Release(models.Model):
    """Code and configuration at pinned commits, and the bundle made of them. The same bundle is the same release."""

    service = models.CharField(max_length=40)
    number = models.IntegerField()  # 418: r418 to people
    label = models.CharField(max_length=100)  # of the application version: r418-a91c3e7
    magento_commit = models.CharField(max_length=40)
    configuration_commit = models.CharField(max_length=40)
    configuration_branch = models.CharField(max_length=100)
    bucket = models.CharField(max_length=63)
    key = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    files = models.IntegerField()
    created = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "release"
        ordering = ["-created"]
        constraints = [
            models.UniqueConstraint(fields=["service", "number"], name="one_release_per_number"),
            models.UniqueConstraint(fields=["service", "bucket", "key"], name="one_release_per_bundle"),
        ]

    def __str__(self) -> str:
        return f"r{self.number}"


class Artifact(models.Model):
    """A release built once on the build host, and what its code was told when it asked the database.

    The second kind of bundle: not the same bytes each time, so it is known by what it was made from (the bundle of the sources, by its
    sha256) and pinned by what came out.
    """

    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    source_sha256 = models.CharField(max_length=64)
    bucket = models.CharField(max_length=63)
    key = models.CharField(max_length=300)
    statics_key = models.CharField(max_length=300)
    statics_version = models.CharField(max_length=20)
    manifest = models.JSONField(default=dict)  # sha256, bytes, files, static_files, composer_lock, php
    answers = models.JSONField(default=list)  # [{command, rc, text}]
    decision = models.CharField(max_length=10)  # roll, window, undecided
    judged = models.JSONField(default=dict)  # after the release: {right, said, run}
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="artifacts")
    asked = models.DateTimeField()

    class Meta:
        db_table = "artifact"
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["bucket", "key"], name="one_artifact_per_key")]


class Evidence(models.Model):
    """A file of a failing host, copied at once: the host may be gone tomorrow."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="evidence")
    host = models.CharField(max_length=60)
    instance_id = models.CharField(max_length=32)
    private_ip = models.GenericIPAddressField(null=True)
    path = models.CharField(max_length=200)
    first_line = models.IntegerField(default=1)  # the number that the first line of `text` has in the file
    text = models.TextField(blank=True)
    problem = models.TextField(blank=True)  # why there is no text
    taken = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "evidence"
        constraints = [models.UniqueConstraint(fields=["run", "instance_id", "path"], name="one_copy_per_file")]


class Alert(models.Model):
    """Visitors are turned away somewhere and no run of ours is at work there. Open until the guard sees that it is over."""

    class Kind(models.TextChoices):
        FLAG = "flag"  # hosts in maintenance mode
        SHOP = "shop"  # closed or broken, seen from outside
        CURTAIN = "curtain"  # the load balancer answers by itself

    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=300)
    said = models.TextField(blank=True)
    hosts = models.JSONField(default=list)  # the names of those in maintenance mode
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="alerts")  # the last one there, where it did not succeed
    since = models.DateTimeField()
    seen = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    class Meta:
        db_table = "alert"
        ordering = ["since"]
        constraints = [
            models.UniqueConstraint(fields=["service", "environment", "kind"], condition=models.Q(ended=None), name="one_open_alert")
        ]


class Standing(models.Model):
    """What a host stands on besides its code: whether the database fits it, and which statics it serves. As it last said itself."""

    class Schema(models.TextChoices):
        FITS = "fits"
        DIFFERS = "differs"
        UNKNOWN = "unknown"

    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    instance_id = models.CharField(max_length=32, primary_key=True)
    host = models.CharField(max_length=60)
    version = models.CharField(max_length=100, blank=True)  # the code's, when it was asked
    schema = models.CharField(max_length=10, choices=Schema, default=Schema.UNKNOWN)
    schema_said = models.TextField(blank=True)  # the raw answer
    statics = models.CharField(max_length=40, blank=True)  # "" where it has none, or did not say
    problem = models.TextField(blank=True)
    seen = models.DateTimeField()

    class Meta:
        db_table = "standing"
        ordering = ["host"]

    @property
    def said(self) -> str:
        """The raw answer, or why there is none."""
        return self.schema_said or self.problem


class Approval(models.Model):
    """A second person has read a plan and agrees: to this very plan, named by its hash, and to no other."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="approvals")
    hash = models.CharField(max_length=64)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "approval"
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["hash", "by"], name="one_approval_each")]


class BrokenGlass(models.Model):
    """An admin let a plan through a freeze, for an hour. Kept for ever."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="broken_glass")
    hash = models.CharField(max_length=64)
    freeze = models.CharField(max_length=100)  # the reason of the freeze that was broken
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "broken_glass"
        ordering = ["at"]


class Booking(models.Model):
    """A plan that is to be started without anybody pressing: at a time, or when its lock group is free. Its gates are asked again then."""

    class State(models.TextChoices):
        WAITING = "waiting"
        STARTED = "started"
        REFUSED = "refused"  # it could not start when its time had come: `said` has the reasons
        CANCELLED = "cancelled"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="bookings")
    hash = models.CharField(max_length=64)
    lock_group = models.CharField(max_length=60)
    due = models.DateTimeField(null=True)  # None: as soon as the group is free
    reason = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    said = models.TextField(blank=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="bookings")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made = models.DateTimeField(default=timezone.now)
    cancelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    ended = models.DateTimeField(null=True)

    class Meta:
        db_table = "booking"
        ordering = ["due", "made"]
        constraints = [models.UniqueConstraint(fields=["plan"], condition=models.Q(state="waiting"), name="one_booking_per_plan")]


class HandChange(models.Model):
    """Something that a person changed on what is installed by hand: who, what, when, why."""

    key = models.CharField(max_length=40)  # of estate.yaml's by_hand
    what = models.TextField()
    why = models.TextField()
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    noted = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hand_change"
        ordering = ["-at", "-pk"]
