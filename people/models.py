"""Who may come in: operators with one role each, and their API tokens; and what is kept of who did what."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """Each role may do what the one before it may, and more; `people.permissions` says what."""

    NONE = "none", "No access"
    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    RELEASER = "releaser", "Releaser"
    ADMIN = "admin", "Admin"


class Operator(AbstractUser):
    """A person. A new one may do nothing until an admin gives a role."""

    role = models.CharField(max_length=10, choices=Role, default=Role.NONE)

    # of this request alone, not of the person
    token: Token | None = None  # by which they came, instead of a session
    has_second_factor: bool | None = None  # None: not asked yet

    class Meta:
        db_table = "operator"

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Token(models.Model):
    """A bearer token of the API: kept as a hash, ends by itself. It may do what its operator may, and no more than its scope."""

    class Scope(models.TextChoices):
        READ = "read", "Sees, and changes nothing"
        PREPARE = "prepare", "Sees, and makes plans that a person starts"
        ACT = "act", "Does what its operator may"

    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.ACT)
    environment = models.CharField(max_length=40, blank=True)  # the only one in which it changes anything; "" is every one
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    last_used = models.DateTimeField(null=True)

    class Meta:
        db_table = "token"

    def __str__(self) -> str:
        return f"{self.name} of {self.operator}"

    @classmethod
    def issue(
        cls, operator: Operator, name: str, *, lives: timedelta, secret: str = "", scope: str = "act", environment: str = ""
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown once and not kept. 256 bits unless a secret is given."""
        secret = secret or f"oc_{secrets.token_urlsafe(32)}"
        ends = timezone.now() + lives
        token = cls.objects.create(operator=operator, name=name, scope=scope, environment=environment, digest=_digest(secret), expires=ends)
        return token, secret

    @classmethod
    def holder(cls, secret: str, *, at: datetime) -> Operator | None:
        """The active operator whose unexpired token this is."""
        found = cls.objects.select_related("operator").filter(digest=_digest(secret), expires__gt=at, operator__is_active=True).first()
        if found is None:
            return None
        if found.last_used is None or at - found.last_used > timedelta(minutes=1):
            cls.objects.filter(pk=found.pk).update(last_used=at)
        found.operator.token = found
        return found.operator

    def why_not(self, action: str, environment: str) -> str:
        """Why its scope ends before that; "" where it does not."""
        if action == "view" or (self.scope == self.Scope.PREPARE and action == "plan" and self.environment in ("", environment)):
            return ""
        if self.scope != self.Scope.ACT:
            return f"The token “{self.name}” {'makes plans and starts none' if self.scope == self.Scope.PREPARE else 'changes nothing'}."
        return "" if self.environment in ("", environment) else f"The token “{self.name}” acts in {self.environment} alone."


class FailedSignIn(models.Model):
    """One attempt that failed; counted by `people.throttle`, forgotten after a day. The name is what was typed, known or not."""

    name = models.CharField(max_length=150)
    address = models.CharField(max_length=45)
    time = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "failed_sign_in"
        indexes = [models.Index(fields=["name", "time"], name="failed_sign_in_name")]


class Answered(models.Model):
    """What the API answered to one intention; `people.answered` says how. Forgotten after a day."""

    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)  # of the Idempotency-Key, and of the token that came with it
    asked = models.CharField(max_length=64)  # digest of the whole request
    begun = models.DateTimeField(default=timezone.now, db_index=True)
    status = models.IntegerField(null=True)  # None: not answered yet
    sealed = models.TextField(blank=True)

    class Meta:
        db_table = "answered"
        constraints = [models.UniqueConstraint(fields=["operator", "digest"], name="answered_once")]


class NeverChanged(TypeError):
    """Somebody tried to change or to delete what is kept for ever."""


class _AppendOnly(models.QuerySet["AuditEntry"]):
    """What `people.audit` needs, and nothing that changes a row."""

    def update(self, **changes: Any) -> NoReturn:
        raise NeverChanged("A row of the audit trail is never changed.")

    def delete(self) -> NoReturn:
        raise NeverChanged("A row of the audit trail is never deleted.")

    def bulk_update(self, *rows: Any, **options: Any) -> NoReturn:
        raise NeverChanged("A row of the audit trail is never changed.")

    def without_persons(self, through: int) -> int:
        """The one change there is, asked by `people.audit` alone: persons are taken out of old rows; their seals stay and go on proving."""
        rows = self.filter(number__lte=through).exclude(salt="")
        return models.QuerySet.update(rows, who="", origin="", target="", why="", facts={}, salt="")


class AuditEntry(models.Model):
    """Who did what, from where, why, and what came of it. Written by `people.audit.record` alone; see there how rows hold one another."""

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3 … without gaps
    time = models.DateTimeField()
    action = models.CharField(max_length=60)
    result = models.CharField(max_length=20)
    run = models.BigIntegerField(null=True)
    # of persons: these are taken out after their time
    who = models.CharField(max_length=150, blank=True)  # the operator's name; "" is the console itself, or somebody who is not signed in
    origin = models.CharField(max_length=120, blank=True)  # the address, and the token where there was one
    target = models.CharField(max_length=200, blank=True)
    why = models.TextField(blank=True)
    facts = models.JSONField(default=dict)
    salt = models.CharField(max_length=32, blank=True)
    seal = models.CharField(max_length=64)  # of what is of persons
    digest = models.CharField(max_length=64)  # of the row before, of the seal, and of the rest

    objects = _AppendOnly.as_manager()

    class Meta:
        db_table = "audit_entry"
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["who", "number"], name="audit_entry_who"),
            models.Index(fields=["action", "number"], name="audit_entry_action"),
            models.Index(fields=["run"], name="audit_entry_run"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise NeverChanged("A row of the audit trail is never changed.")
        super().save(force_insert=True)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise NeverChanged("A row of the audit trail is never deleted.")


class AuditHead(models.Model):
    """The newest row's number and digest: one row, locked by whoever writes the next entry."""

    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "audit_head"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
