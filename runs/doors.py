"""The doors to the hosts, as the settings have them: one a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings

from remote.ssh.client import Door
from remote.ssh.runner import Runner


@cache
def door() -> Door:
    """Through the broker that owns the connections, where one is set."""
    return Door(Path(settings.SSH_BROKER) if settings.SSH_BROKER else None)


@cache
def runner() -> Runner:
    return Runner(door())
