"""The four NFS shares: folders below `data/nfs/<stage>`, and which of them is mounted where on a host.

A mount is a symbolic link in the release, and a line in the host's own `/proc/mounts`; what the release holds below a mount point is
hidden while it is mounted, and the link is taken away with the mount.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sandbox.repositories.beanstalk_tree import Stage
from sandbox.world import Host, World

SERVER = "nfs.internal-client.url"
APP = "/var/app/current"
# export -> mount point, as the hand-over document has them
SHARES = {
    "client-media": f"{APP}/pub/media",
    "magento-statics": f"{APP}/pub/static",
    "magento-sitemap": f"{APP}/sitemap",
    "magento-client": f"{APP}/client",
}
_OPTIONS = "rw,relatime,vers=4.1,rsize=1048576,wsize=1048576,hard,proto=tcp,timeo=600"
_ROOT_LINE = "/dev/xvda1 / ext4 rw,noatime,data=ordered 0 0\n"


def stage_of(host: Host) -> Stage:
    """Which database and which shares a host has."""
    return "preprod" if "preprod" in host.environment else "prod"


def share(world: World, stage: str, export: str) -> Path:
    folder = world.data / "nfs" / stage / export
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def mounted(host: Host) -> dict[str, str]:
    """Mount point -> `server:/export`, read from the host's mount table."""
    table = host.root / "proc/mounts"
    rows = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    return {row[1]: row[0] for row in rows if len(row) > 2 and row[2].startswith("nfs")}


def mount(world: World, host: Host, export: str, point: str) -> None:
    link = host.root / point.lstrip("/")
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(share(world, stage_of(host), export).resolve(), target_is_directory=True)
    _write_table(host, mounted(host) | {point: f"{SERVER}:/{export}"})


def umount(host: Host, point: str) -> None:
    link = host.root / point.lstrip("/")
    if link.is_symlink():
        link.unlink()
        link.mkdir()
    _write_table(host, {at: source for at, source in mounted(host).items() if at != point})


def remove_with_mounts(world: World, host: Host, release: Path, points: dict[str, str]) -> None:
    """`rm -rf` of a release that was moved away with shares still mounted in it: what is on the shares goes, too."""
    for point, source in points.items():
        folder = share(world, stage_of(host), source.split(":/", 1)[1])
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        umount(host, point)
    shutil.rmtree(release, ignore_errors=True)


def _write_table(host: Host, mounts: dict[str, str]) -> None:
    table = host.root / "proc/mounts"
    table.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{source} {point} nfs4 {_OPTIONS},clientaddr={host.private_ip},local_lock=none 0 0\n" for point, source in mounts.items()]
    beside = table.with_name("mounts.new")
    beside.write_text(_ROOT_LINE + "".join(rows))
    beside.replace(table)
