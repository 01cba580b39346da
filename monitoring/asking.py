"""How the hosts of the estate are asked from here, and which of them can be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from estate.definition import Target
from estate.models import Host
from remote.ssh.client import Door
from remote.ssh.runner import Runner


@cache
def runner() -> Runner:
    return Runner(Door(Path(settings.SSH_BROKER) if settings.SSH_BROKER else None))


def running(target: Target) -> dict[str, Host]:
    """By private address, in the order of their names."""
    found = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running")
    return {str(host.private_ip): host for host in found.order_by("name") if host.private_ip}
