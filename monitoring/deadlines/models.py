"""How full things were, kept so that a pace can be told. Written by `rooms` alone."""

from __future__ import annotations

from django.db import models


class Sighting(models.Model):
    """One line of `df`, in bytes, the newest of its hour. `place` is who was asked for which mount point."""

    place = models.CharField(max_length=300)
    at = models.DateTimeField()
    size = models.BigIntegerField()
    used = models.BigIntegerField()

    class Meta:
        db_table = "room_sighting"
        constraints = [models.UniqueConstraint(fields=["place", "at"], name="room_sighting_once")]
        indexes = [models.Index(fields=["at"], name="room_sighting_at")]
