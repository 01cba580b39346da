"""Who may come in, as the console knows it: the register of VPN users and allowed addresses, and what was last seen of the servers."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from runs.models import Run


class Seen(models.Model):
    """What one server last said: `vpn`, `gateway` (AWS), `haproxy` or `ftp`. `facts` are of the last answer, however old it is."""

    name = models.CharField(max_length=20, primary_key=True)
    tried = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    error = models.TextField(blank=True)  # why the last try had no answer
    facts = models.JSONField(default=dict)

    class Meta:
        db_table = "access_seen"


class VpnUser(models.Model):
    """A name that the console answers for, whoever has it. What is true of it on the server is the certificates' business."""

    class State(models.TextChoices):
        CREATING = "creating"
        VALID = "valid"
        FAILED = "failed"  # nothing usable was made
        SUSPENDING = "suspending"
        SUSPENDED = "suspended"
        RESUMING = "resuming"
        REVOKING = "revoking"  # until it is proven
        REVOKED = "revoked"

    UNDER_WAY = (State.CREATING, State.SUSPENDING, State.RESUMING, State.REVOKING)

    name = models.CharField(max_length=32, unique=True)
    person = models.CharField(max_length=120)
    contact = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300)
    expires = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State, default=State.CREATING)
    said = models.TextField(blank=True)  # why it is in this state
    serial = models.CharField(max_length=40, blank=True)  # of the certificate that counts
    certificate_ends = models.DateTimeField(null=True)
    created = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="+")  # the one that last changed it
    delivered = models.DateTimeField(null=True)  # when the one download of this certificate's profile was taken
    delivered_to = models.CharField(max_length=150, blank=True)
    last_seen = models.DateTimeField(null=True)  # connected
    last_address = models.CharField(max_length=60, blank=True)
    reviewed = models.DateTimeField(default=timezone.now)  # when somebody last said that it is still needed
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    revoked = models.DateTimeField(null=True)  # proven
    proof = models.JSONField(default=list)  # the lines that proved it

    class Meta:
        db_table = "vpn_user"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def has_access(self) -> bool:
        return self.state not in (self.State.REVOKED, self.State.FAILED)


class VpnCertificate(models.Model):
    """A line of the server's index, kept after a rebuild has lost it. Once revoked here, it stays so, whatever the server says later."""

    serial = models.CharField(max_length=40, primary_key=True)
    name = models.CharField(max_length=64)
    ends = models.DateTimeField()
    is_revoked = models.BooleanField(default=False)
    line = models.TextField()  # as the index had it when it was last right
    on_server = models.CharField(max_length=1, blank=True)  # V, R or E as the index says now; "" where it has no such line
    first_seen = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField()

    class Meta:
        db_table = "vpn_certificate"
        ordering = ["name", "ends"]

    @property
    def is_lost(self) -> bool:
        return not self.on_server

    @property
    def came_back(self) -> bool:
        return self.is_revoked and self.on_server != "R"


class DownloadLink(models.Model):
    """A one-time address for a person who has no account here. Its secret is not kept, only a digest."""

    user = models.ForeignKey(VpnUser, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    serial = models.CharField(max_length=40)
    created = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True)

    class Meta:
        db_table = "vpn_download_link"


class DeliveryAttempt(models.Model):
    """Each time that somebody asked for a profile, and what became of it."""

    user = models.ForeignKey(VpnUser, on_delete=models.CASCADE, related_name="attempts")
    time = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=150)  # the operator's name, or that it was a link, and whose
    origin = models.CharField(max_length=60, blank=True)
    given = models.BooleanField()
    said = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "vpn_delivery_attempt"
        ordering = ["-time", "-pk"]


class AllowedAddress(models.Model):
    """An address or network that may come to the gateway, for the services named, until then."""

    class State(models.TextChoices):
        ASKED = "asked"  # a second person has to agree
        ADDING = "adding"
        ALLOWED = "allowed"
        REMOVING = "removing"
        REMOVED = "removed"
        FAILED = "failed"

    OPEN = (State.ASKED, State.ADDING, State.ALLOWED, State.REMOVING)

    cidr = models.CharField(max_length=50)
    services = models.JSONField(default=list)  # keys of estate.yaml
    owner = models.CharField(max_length=120)
    reason = models.CharField(max_length=300)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    own = models.BooleanField(default=False)  # an operator let themselves in
    state = models.CharField(max_length=10, choices=State, default=State.ADDING)
    said = models.TextField(blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="+")
    removed = models.DateTimeField(null=True)

    class Meta:
        db_table = "allowed_address"
        ordering = ["until", "pk"]

    def __str__(self) -> str:
        return self.cidr

    @property
    def mark(self) -> str:
        """How AWS's description names it."""
        return f"oc-{self.pk}"

    def is_over(self, at: datetime) -> bool:
        return self.until <= at


class FtpRotation(models.Model):
    """When the FTP account got a new password, and whether it was shown. The password is on its host until then, and nowhere else."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=32)  # by which the host keeps it
    asked = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    shown = models.DateTimeField(null=True)
    shown_to = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = "ftp_rotation"
        ordering = ["-asked"]
