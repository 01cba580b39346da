"""Which hosts of the estate can be asked."""

from __future__ import annotations

from estate.definition import Target
from estate.models import Host


def running(target: Target) -> dict[str, Host]:
    """By private address, in the order of their names."""
    found = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running")
    return {str(host.private_ip): host for host in found.order_by("name") if host.private_ip}
