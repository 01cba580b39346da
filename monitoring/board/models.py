"""What each check last proved, written by `checking` alone; and the failovers, written by `failovers`."""

from __future__ import annotations

from django.db import models


class CheckSource(models.Model):
    """One question and its last answer: a list of findings."""

    name = models.CharField(max_length=80, primary_key=True)
    tried = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    findings = models.JSONField(default=list)

    class Meta:
        db_table = "check_source"


class Failover(models.Model):
    """What AWS told of one, once."""

    kind = models.CharField(max_length=20)  # database, cache
    source = models.CharField(max_length=100)
    at = models.DateTimeField()
    text = models.CharField(max_length=500)

    class Meta:
        db_table = "failover"
        constraints = [models.UniqueConstraint(fields=["source", "at", "text"], name="failover_once")]
        indexes = [models.Index(fields=["-at"], name="failover_newest")]


class CheckChange(models.Model):
    """From when on something was in a state: the newest row says since when it is as it is."""

    name = models.CharField(max_length=200)  # source/key
    state = models.CharField(max_length=10)
    since = models.DateTimeField()

    class Meta:
        db_table = "check_change"
        indexes = [models.Index(fields=["name", "-since"], name="check_change_since")]
