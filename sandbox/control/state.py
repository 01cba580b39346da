"""The truth about the estate, for the control page: read from the hosts' folders and the databases, not from what Beanstalk believes."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.hosts import applications, database, releases, shares, site, statics, vpn
from sandbox.network.sinks import sinks_of
from sandbox.repositories import NAMES, Repositories
from sandbox.repositories.git import git
from sandbox.world import Host, World


def of(world: World) -> dict[str, Any]:
    return {
        "now": world.clock.now().isoformat(timespec="milliseconds"),
        "seed": world.seed,
        "speed": world.clock.speed,
        "hosts": [_host(world, host) for host in world.hosts.values()],
        "vpn": _vpn(world),
        "shares": {
            stage: {export: _files(shares.share(world, stage, export)) for export in shares.SHARES} for stage in ("prod", "preprod")
        },
        "visitors": _visitors(world),
        "messages": sinks_of(world).shown()[:20],
        "faults": [
            {"kind": fault.kind, "host": fault.host, "times": fault.times, "options": fault.options} for fault in world.faults.listed()
        ],
        "repositories": {name: _heads(Repositories(world.data / "repositories").path(name)) for name in NAMES},
    }


def deeds(world: World, *, after: int) -> list[dict[str, Any]]:
    """What was done to the estate, but for the first `after`."""
    return [
        {"what": deed.what, "target": deed.target, "label": deed.label, "began": deed.began.isoformat()}
        | {"ended": deed.ended.isoformat() if deed.ended else None}
        for deed in world.deeds.after(after)
    ]


def _host(world: World, host: Host) -> dict[str, Any]:
    label = releases.deployed_label(host)
    mounted = shares.mounted(host)
    return {
        "name": host.name,
        "instance_id": host.instance_id,
        "private_ip": host.private_ip,
        "environment": host.environment,
        "platform": host.platform,
        "ssh_port": host.ssh_port,
        "label": label,
        "commit": label.rpartition("-")[2],
        "unpacked": releases.staging(host).exists(),
        "maintenance": (host.app / "var/.maintenance.flag").exists(),
        "statics": "–" if host.other else statics.read_version(host.app / "pub/static"),
        "database_fits": _database_fits(world, host),
        "mounts": {} if host.other else {point: point in mounted for point in shares.SHARES.values()},
        "home": site.answer(world, host, "/", {}).status,
        "health_check": site.answer(world, host, "/pub/health_check.php", {}).status,
    }


def _vpn(world: World) -> dict[str, Any]:
    """Who is connected, and who was refused and why, the newest last."""
    service = vpn.service_of(world)
    if service is None:
        return {}
    with service.lock:
        return {
            "running": service.running,
            "sessions": [{"name": each.name, "serial": each.serial, "since": each.since.isoformat()} for each in service.sessions],
            "refusals": [
                {"name": each.name, "serial": each.serial, "why": each.why, "at": each.at.isoformat()} for each in service.refusals
            ],
        }


def _database_fits(world: World, host: Host) -> bool:
    """False also while a release is being swapped."""
    if host.other:
        return applications.known(world, host) == applications.fingerprint(host.app)
    known = database.of_database(world, host)
    try:
        return bool(known and not database.request_error(database.of_code(host.app), known))
    except OSError:
        return False


def _visitors(world: World) -> dict[str, Any]:
    recent = world.visits.recent()
    minute = world.clock.now() - timedelta(minutes=1)
    return {
        "by_status": {str(status): count for status, count in world.visits.by_status().items()},
        "last_minute": {
            str(status): count for status, count in sorted(Counter(visit.status for visit in recent if visit.at > minute).items())
        },
        "recent": [visit.status for visit in recent[-120:]],
    }


def _files(share: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(share))


def _heads(repository: Path) -> dict[str, dict[str, str]]:
    rows = git(repository, "for-each-ref", "--format=%(refname:short)%00%(objectname)%00%(subject)", "refs/heads").decode().splitlines()
    return {name: {"commit": commit, "subject": subject} for name, commit, subject in (row.split("\0") for row in rows)}
