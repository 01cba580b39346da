"""What was last observed of the estate. What the estate should be stands in `estate.definition`; here is what is seen, and when.

Every row says when it was seen. Rows are written by `estate.observe` alone.
"""

from __future__ import annotations

from django.db import models


class Watched(models.Model):
    """One thing that is looked at again and again: when it was last tried, when it last answered, what went wrong since."""

    name = models.CharField(max_length=120, primary_key=True)  # e.g. "beanstalk:client-magento"
    tried = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    failures = models.IntegerField(default=0)  # in a row
    not_before = models.DateTimeField(null=True)  # after failures: when it may be tried again

    class Meta:
        db_table = "watched"


class BeanstalkEnvironment(models.Model):
    """As DescribeEnvironments last said. `health` is the colour, `health_status` the word (Ok, Info, … Severe)."""

    name = models.CharField(max_length=60, primary_key=True)
    application = models.CharField(max_length=100)
    version = models.CharField(max_length=100)
    status = models.CharField(max_length=20)
    health = models.CharField(max_length=10)
    health_status = models.CharField(max_length=20)
    causes = models.JSONField(default=list)
    abortable = models.BooleanField(default=False)
    platform = models.CharField(max_length=200, blank=True)
    updated = models.DateTimeField(null=True)
    seen = models.DateTimeField()

    class Meta:
        db_table = "beanstalk_environment"


class TargetGroup(models.Model):
    """Which target group the hosts of a Beanstalk environment are in; found by looking which group has them as targets."""

    arn = models.CharField(max_length=200, primary_key=True)
    name = models.CharField(max_length=40)
    beanstalk = models.CharField(max_length=60)
    seen = models.DateTimeField()

    class Meta:
        db_table = "target_group"


class BeanstalkEvent(models.Model):
    """One line of DescribeEvents. Kept for years: AWS forgets after six weeks."""

    environment = models.CharField(max_length=60)
    time = models.DateTimeField()
    severity = models.CharField(max_length=10)
    message = models.TextField()
    digest = models.CharField(max_length=64)  # of the message: DescribeEvents' StartTime is inclusive, so events come twice
    request_id = models.CharField(max_length=64, blank=True)
    version = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "beanstalk_event"
        ordering = ["time", "id"]
        constraints = [models.UniqueConstraint(fields=["environment", "time", "digest"], name="one_event")]
        indexes = [models.Index(fields=["-time", "-id"], name="newest_event")]


class Host(models.Model):
    """One instance, as EC2, Beanstalk, the target group and the host itself last said."""

    instance_id = models.CharField(max_length=32, primary_key=True)
    name = models.CharField(max_length=60)
    environment = models.CharField(max_length=40)  # the estate's: production, pre-production, shared
    service = models.CharField(max_length=40)
    tier = models.CharField(max_length=20)  # the tier's key in estate.yaml
    beanstalk = models.CharField(max_length=60)
    private_ip = models.GenericIPAddressField(null=True)
    zone = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=20)  # EC2's: running, stopped, …
    # Beanstalk's light
    health_status = models.CharField(max_length=20, blank=True)
    causes = models.JSONField(default=list)
    version = models.CharField(max_length=100, blank=True)
    deployment_id = models.IntegerField(null=True)
    deployment_status = models.CharField(max_length=20, blank=True)
    deployed = models.DateTimeField(null=True)  # when that deployment ended there; while it is in progress: when it began
    # the target group's light
    target_state = models.CharField(max_length=20, blank=True)
    target_reason = models.CharField(max_length=200, blank=True)
    target_seen = models.DateTimeField(null=True)  # when the target group last spoke of it
    # the host's own word
    maintenance = models.CharField(max_length=10, default="unknown")  # on, off, unknown
    maintenance_seen = models.DateTimeField(null=True)
    seen = models.DateTimeField()  # when Beanstalk last told its health; before that: when EC2 first listed it
    gone = models.DateTimeField(null=True)  # no longer listed by EC2 since then

    class Meta:
        db_table = "host"
        ordering = ["tier", "name"]

    def __str__(self) -> str:
        return self.name


class ShopAnswer(models.Model):
    """One request to a shop from outside: what a visitor would have seen."""

    class State(models.TextChoices):
        OPEN = "open"  # a good page
        CLOSED = "closed"  # 503: maintenance or curtain
        BROKEN = "broken"  # another 5xx, an error page, a page of no known version
        SILENT = "silent"  # no answer at all: unknown from here

    service = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    time = models.DateTimeField()
    until = models.DateTimeField(null=True)  # of a row that stands for many: the same answer came, without a gap, up to then
    state = models.CharField(max_length=10, choices=State)
    status = models.IntegerField(null=True)
    seconds = models.FloatField()
    statics = models.CharField(max_length=40, blank=True)  # the /static/version… that the page asked for

    class Meta:
        db_table = "shop_answer"
        indexes = [models.Index(fields=["service", "environment", "time"], name="shop_answer_time")]


class DeadlineSource(models.Model):
    """What one source of `estate.deadlines` last said, when, and what went wrong since."""

    name = models.CharField(max_length=120, primary_key=True)
    tried = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    deadlines = models.JSONField(default=list)

    class Meta:
        db_table = "deadline_source"


class Resource(models.Model):
    """One thing that the estate has: its kind, what AWS, Terraform's state or a host calls it, and white-listed facts: no secret."""

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=300)  # AWS's id; unique among its kind
    name = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=40)  # what was asked: `estate.inventory`'s name of it
    facts = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    changed = models.DateTimeField()  # when its facts were last different from before
    gone = models.DateTimeField(null=True)  # no longer listed since then

    class Meta:
        db_table = "resource"
        ordering = ["kind", "name", "key"]
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="one_resource")]
        indexes = [models.Index(fields=["source"], name="resource_source")]

    def __str__(self) -> str:
        return self.name or self.key
