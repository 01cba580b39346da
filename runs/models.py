"""Runs, their steps, the effects of these on the world, and the log. The tables of the engine; see `runs.engine` for the rules."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

TITLE = 120  # characters; the whole one is in the plan's document


class Plan(models.Model):
    """What exactly would happen: made before anything is pressed, kept for ever, never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=40)  # "release"
    title = models.CharField(max_length=TITLE)  # "Release Magento production, r418"
    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    lock_group = models.CharField(max_length=60)
    document = models.JSONField()  # `runs.plan.Plan.to_json()`, and what the kind adds under "facts"
    hash = models.CharField(max_length=64)
    code_version = models.CharField(max_length=40)
    made = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "plan"
        ordering = ["-made"]


class Run(models.Model):
    """One execution of a plan."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"  # for a person
        UNKNOWN = "unknown"  # something may or may not have happened; a person decides
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Cancel(models.TextChoices):
        NONE = "none"
        AFTER_STEP = "after_step"  # nothing is left half done
        ABORT = "abort"  # Beanstalk's abort and a kill on hosts
        STOP_WATCHING = "stop_watching"  # the world goes on

    # waiting and unknown hold the lock group as well: somebody has to look first
    ACTIVE = (State.QUEUED, State.RUNNING, State.WAITING, State.UNKNOWN)

    number = models.BigAutoField(primary_key=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=TITLE)
    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    lock_group = models.CharField(max_length=60)
    code_version = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    said = models.TextField(blank=True)  # why it is in this state, in a sentence for a person
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    reason = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    cancel = models.CharField(max_length=14, choices=Cancel, default=Cancel.NONE)
    cancelled_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    # When the last abort was asked for, in seconds since 1970: names it, for each is carried out once.
    abort_at = models.FloatField(default=0, db_default=0)
    holds_lock = models.BooleanField(default=True)  # a failed run may go on holding its group until somebody releases it
    lock_released_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    lock_release_reason = models.TextField(blank=True)
    takes_over = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="taken_over_by")  # the run whose lock it took
    idempotency_key = models.CharField(max_length=100, unique=True)
    revision = models.BigIntegerField(default=0)  # goes up with each change of state: the number in the doorbells
    # the lease: seconds of the database's clock (PostgreSQL) or of the machine's boot clock (SQLite)
    epoch = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_until = models.FloatField(default=0)
    wake_at = models.FloatField(default=0)
    troubles = models.IntegerField(default=0)  # in a row: throttled, unreachable, unanswered; decides the next wait and nothing else

    class Meta:
        db_table = "run"
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["state", "-number"], name="run_by_state"),  # the scheduler asks every few seconds
            models.Index(fields=["service", "environment", "-number"], name="run_by_service"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["lock_group"], condition=models.Q(holds_lock=True), name="one_active_run_per_lock_group")
        ]

    def __str__(self) -> str:
        return f"Run {self.number}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def stands_still(self) -> bool:
        """The console is drained, and nobody is to take it up now: known where the query was marked (`draining.marked`)."""
        return getattr(self, "kept_back", False)


class Step(models.Model):
    class State(models.TextChoices):
        PLANNED = "planned"
        INTENT = "intent"
        DONE = "done"
        FAILED = "failed"
        UNKNOWN = "unknown"
        SKIPPED = "skipped"
        BY_HAND = "by_hand"

    FINISHED = (State.DONE, State.SKIPPED, State.BY_HAND)

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    position = models.IntegerField()
    key = models.CharField(max_length=60)
    title = models.CharField(max_length=TITLE)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    attempt = models.IntegerField(default=1)
    started = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    said = models.TextField(blank=True)  # one line for a person: what it does, did, or why it failed
    result = models.JSONField(default=dict)
    evidence = models.TextField(blank=True)  # pasted by a person who did it by hand

    class Meta:
        db_table = "step"
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="one_step_per_position")]


class Effect(models.Model):
    """One change of the world. `answer` is what is known of it, e.g. {"rc": 0}."""

    class State(models.TextChoices):
        PLANNED = "planned"  # the world said that nothing happened: it may be started without asking first
        INTENT = "intent"
        OBSERVED = "observed"  # the call came back; not yet proven by its probe
        DONE = "done"
        FAILED = "failed"
        UNKNOWN = "unknown"
        BY_HAND = "by_hand"  # a person says so, with evidence in the step
        REPLACED = "replaced"  # failed; a later attempt has its own row

    FINISHED = (State.DONE, State.BY_HAND)

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="effects")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="effects")
    act = models.CharField(max_length=120)  # the key of the planned act
    attempt = models.IntegerField(default=1)
    key = models.CharField(max_length=130)  # the act's key; from the second attempt on with its number behind it
    kind = models.CharField(max_length=40)
    target = models.CharField(max_length=120, blank=True)  # the host's name, the environment's, "console"
    state = models.CharField(max_length=10, choices=State, default=State.INTENT)
    epoch = models.BigIntegerField()
    intent_at = models.DateTimeField(default=timezone.now)
    # The last intent, where nothing had come of the first: a late answer is waited for from then.
    again_at = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    said = models.TextField(blank=True)
    answer = models.JSONField(default=dict)
    offset = models.BigIntegerField(default=0)  # up to this byte the host's log file is stored in ours

    class Meta:
        db_table = "effect"
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_effect_per_key")]


class LogChunk(models.Model):
    """Consecutive lines of one host. Line n of `lines` has the number seq_first + n; numbers have no gaps and no doubles in a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    seq_first = models.BigIntegerField()
    seq_last = models.BigIntegerField()
    host = models.CharField(max_length=60)
    time = models.DateTimeField()
    text = models.TextField()  # lines joined by \n, redacted

    class Meta:
        db_table = "log_chunk"
        ordering = ["run", "seq_first"]
        constraints = [models.UniqueConstraint(fields=["run", "seq_first"], name="one_chunk_per_number")]


class LogHead(models.Model):
    """Where the next line's number comes from: updated in the transaction that stores the chunk, so a visible number has all before it."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="log_head")
    first = models.BigIntegerField(default=1, db_default=1)  # the first line that is still kept; next_seq: none is (`runs.retention`)
    next_seq = models.BigIntegerField(default=1)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        db_table = "log_head"


class Duty(models.Model):
    """Something that is done again and again by exactly one process at a time, and when it was last done."""

    name = models.CharField(max_length=60, primary_key=True)
    owner = models.CharField(max_length=80, blank=True)
    until = models.FloatField(default=0)  # of the same clock as the leases
    ran = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "duty"


class Drain(models.Model):
    """From `since` until `lifted` nothing new is begun (`runs.draining`). One at most is on; the others are history."""

    since = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    everything = models.BooleanField(default=False)  # what is under way stands still as well
    is_on = models.BooleanField(default=True)
    lifted = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "drain"
        constraints = [models.UniqueConstraint(fields=["is_on"], condition=models.Q(is_on=True), name="one_drain_at_a_time")]
