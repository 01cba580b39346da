"""What became of each claim: its verdict, how it came to that, and what people said about it. The claims themselves stand in a file."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class Verdict(models.TextChoices):
    AGREES = "agrees", "agrees"
    DIFFERS = "differs", "differs"
    CANNOT = "cannot be checked", "cannot be checked"
    QUESTION = "open question", "open question"
    ACCEPTED = "accepted", "accepted"


class Standing(models.Model):
    """One claim as it stands now. `observed` is the check's own finding, whatever a person accepted."""

    claim = models.IntegerField(primary_key=True)
    verdict = models.CharField(max_length=20, choices=Verdict)
    observed = models.CharField(max_length=20, choices=Verdict)
    observation = models.TextField(blank=True)
    evidence = models.JSONField(default=list)
    checked = models.DateTimeField(null=True)  # when what it rests on was last looked at; never, where nothing checks it
    since = models.DateTimeField()  # of this verdict

    class Meta:
        db_table = "claim_standing"


class Change(models.Model):
    """A verdict that became another one."""

    claim = models.IntegerField()
    at = models.DateTimeField()
    before = models.CharField(max_length=20, choices=Verdict, blank=True)
    after = models.CharField(max_length=20, choices=Verdict)
    observation = models.TextField(blank=True)

    class Meta:
        db_table = "claim_change"
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes = [models.Index(fields=["claim", "at"], name="claim_change_at")]


class Statement(models.Model):
    """What a person said of a claim: an answer to its question, or that it is accepted as it is. The newest of a kind counts."""

    class Kind(models.TextChoices):
        ANSWER = "answer"
        ACCEPT = "accept"
        WITHDRAW = "withdraw"  # what was accepted is no longer

    claim = models.IntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.CharField(max_length=500)
    until = models.DateField(null=True)  # of an acceptance: the last day that it counts
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        db_table = "claim_statement"
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        indexes = [models.Index(fields=["claim", "at"], name="claim_statement_at")]
