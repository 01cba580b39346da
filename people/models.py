"""Who may come in: operators with one role each, and their API tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

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

    class Meta:
        db_table = "operator"

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Token(models.Model):
    """A bearer token of the API: kept as a hash, of an operator, ends by itself."""

    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    last_used = models.DateTimeField(null=True)

    class Meta:
        db_table = "token"

    def __str__(self) -> str:
        return f"{self.name} of {self.operator}"

    @classmethod
    def issue(cls, operator: Operator, name: str, *, lives: timedelta, secret: str = "") -> tuple[Token, str]:
        """A new token and its secret, which is shown once and not kept. 256 bits unless a secret is given."""
        secret = secret or f"oc_{secrets.token_urlsafe(32)}"
        token = cls.objects.create(operator=operator, name=name, digest=_digest(secret), expires=timezone.now() + lives)
        return token, secret

    @classmethod
    def holder(cls, secret: str, *, at: datetime) -> Operator | None:
        """The active operator whose unexpired token this is."""
        found = cls.objects.select_related("operator").filter(digest=_digest(secret), expires__gt=at, operator__is_active=True).first()
        if found is None:
            return None
        if found.last_used is None or at - found.last_used > timedelta(minutes=1):
            cls.objects.filter(pk=found.pk).update(last_used=at)
        return found.operator


class FailedSignIn(models.Model):
    """One attempt that failed; counted by `people.throttle`, forgotten after a day. The name is what was typed, known or not."""

    name = models.CharField(max_length=150)
    address = models.CharField(max_length=45)
    time = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "failed_sign_in"
        indexes = [models.Index(fields=["name", "time"], name="failed_sign_in_name")]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
