"""When a host has booted, as its kernel says it in /proc/stat; a boot leaves no NFS share mounted, for no fstab of the estate has one."""

from __future__ import annotations

from datetime import datetime

from sandbox.hosts import shares
from sandbox.world import Host, World


def booted(host: Host, at: datetime) -> None:
    place = host.root / "proc/stat"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"cpu  4705 150 1120 16250856 2290 0 21 0 0 0\nbtime {int(at.timestamp())}\nprocesses 26442\n")


def reboot(world: World, host: Host) -> None:
    for point in shares.mounted(host):
        shares.umount(host, point)
    booted(host, world.clock.now())
