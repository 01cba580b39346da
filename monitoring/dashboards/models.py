"""What was last read of CloudWatch's dashboards, and their figures as browsers get them. Written by `watching` alone.

When each was tried, what went wrong since, and when it may be tried again stands in `estate.models.Watched`.
"""

from __future__ import annotations

from django.db import models


class StoredDashboard(models.Model):
    """CloudWatch's own JSON, as it was last read."""

    name = models.CharField(max_length=255, primary_key=True)
    body = models.TextField()
    modified = models.CharField(max_length=40, blank=True)  # CloudWatch's LastModified, as text: it is only compared; "" has it read again
    read = models.DateTimeField()
    gone = models.DateTimeField(null=True)  # CloudWatch no longer lists it since then

    class Meta:
        db_table = "dashboard"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class BalancerName(models.Model):
    """An Application Load Balancer and its target groups, in the words of CloudWatch's dimensions."""

    name = models.CharField(max_length=40, primary_key=True)
    balancer = models.CharField(max_length=120)
    groups = models.JSONField(default=list)

    class Meta:
        db_table = "balancer_name"


class Window(models.Model):
    """The figures of one dashboard over one time span, ready to be sent: compressed JSON. Viewers only say that they want it."""

    dashboard = models.CharField(max_length=255)
    span = models.CharField(max_length=40)  # 12h, or two times: 1764000000-1764043200
    wanted = models.DateTimeField()
    made = models.DateTimeField(null=True)
    figures = models.BinaryField(null=True)

    class Meta:
        db_table = "dashboard_window"
        constraints = [models.UniqueConstraint(fields=["dashboard", "span"], name="one_window_per_span")]
