"""Who is out for long is forgotten: the register answers for those who may come in, and for a while for those who might."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from access.models import AllowedAddress, VpnCertificate, VpnUser


def vpn_users(before: datetime) -> QuerySet[Any]:
    """Revoked with proof, or never made, before that; their links and attempts to fetch a profile go with them."""
    out = Q(state=VpnUser.State.REVOKED, revoked__lt=before) | Q(state=VpnUser.State.FAILED, created__lt=before)
    return VpnUser.objects.filter(out).order_by("pk")


def certificates(before: datetime) -> QuerySet[Any]:
    """Over by themselves before that, and of nobody in the register. A revoked one stays until then: an old image may bring it back."""
    return VpnCertificate.objects.filter(ends__lt=before).exclude(name__in=VpnUser.objects.values("name")).order_by("pk")


def addresses(before: datetime) -> QuerySet[Any]:
    return AllowedAddress.objects.filter(state=AllowedAddress.State.REMOVED, removed__lt=before).order_by("pk")
