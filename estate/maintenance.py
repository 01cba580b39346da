"""Which host is in maintenance mode: only the host itself knows, so it is asked over SSH, by a look that changes nothing.

Magento's flag is a file on each host; a host that is asked in vain keeps what it last said, with its age.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.conf import settings

from estate import observe
from estate.definition import Target
from estate.models import Host
from estate.reading import current
from estate.sightings import News, Subject, timed
from remote.errors import RemoteError
from remote.ssh.client import Door
from remote.ssh.connections import Result
from remote.ssh.runner import Runner

FLAG = "/var/app/current/var/.maintenance.flag"  # Magento: lib/internal/Magento/Framework/App/MaintenanceMode.php
_DEADLINE = 5.0  # seconds; the flag lies on the host's own disk
_MEANWHILE = timedelta(minutes=1)  # later than that is a clock that was set back
_ACTIVE, _IDLE = 10.0, 30.0  # seconds between two looks; a flag that nobody knows of has to be on every page within a minute


def watch() -> None:
    """Asks the hosts of every target that are due."""
    looks = [subject(target, every=_ACTIVE if observe.is_active(target) else _IDLE) for target in current().targets]
    observe.look([each for each in looks if each is not None])


def observe_maintenance(target: Target) -> None:
    """Asks all hosts of the target now, unless somebody did so within the last second."""
    look = subject(target, every=1.0)
    observe.look([look] if look else [])


def subject(target: Target, *, every: float) -> Subject | None:
    """None where no host is known yet, and where the application has no such mode."""
    if not target.has_maintenance:
        return None
    living = Host.objects.filter(service=target.service, environment=target.environment.key, gone=None, state="running")
    hosts = {str(host.private_ip): host for host in living.exclude(private_ip=None)}
    if not hosts:
        return None
    return Subject(
        f"maintenance:{target.service}/{target.environment.key}",
        every,
        timed(lambda: _runner().probe_many(list(hosts), ["test", "-e", FLAG], deadline=_DEADLINE)),
        lambda found: _keep(hosts, *found),
    )


@cache
def _runner() -> Runner:
    return Runner(Door(Path(settings.SSH_BROKER) if settings.SSH_BROKER else None))


def _keep(hosts: Mapping[str, Host], asked: datetime, found: Mapping[str, Result | RemoteError]) -> News:
    changed, silent = False, []
    for ip, result in found.items():
        if isinstance(result, RemoteError) or result.rc not in (0, 1):
            said = str(result) if isinstance(result, RemoteError) else f"test ended with {result.rc}"
            silent.append(f"{hosts[ip].name} cannot be asked: {said}")
            continue
        state = "on" if result.rc == 0 else "off"
        since = {"maintenance_seen__gt": asked, "maintenance_seen__lt": asked + _MEANWHILE}
        rows = Host.objects.filter(pk=hosts[ip].pk).exclude(**since)  # somebody saw it while this answer was on its way
        changed |= rows.exclude(maintenance=state).exists()
        rows.update(maintenance=state, maintenance_seen=asked)
    return News(changed, " ".join(silent))
