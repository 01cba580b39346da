"""What stands on the hosts that nothing is deployed to: the file server's exports and disks, Rundeck's data volume.
The VPN host and the gateway have modules of their own.

Their EC2 side (instances, volumes, images) is `sandbox.aws.inventory.machines`.
"""

from __future__ import annotations

from pathlib import Path

from sandbox.hosts import gateway, shares, vpn, workshop
from sandbox.world import BUILD, Host, World

_ROOT = "/dev/nvme0n1p1 / xfs rw,noatime 0 0\n"
# export -> where its files lie on the file server; media has a disk of its own
EXPORTED = {
    "client-media": "/srv/media/client-media",
    "magento-statics": "/srv/data/magento-statics",
    "magento-client": "/srv/data/magento-client",
    "magento-sitemap": "/srv/data/magento-sitemap",
}
_DISKS = {"/srv/media": "/dev/nvme1n1", "/srv/data": "/dev/nvme2n1"}
_CLIENTS = "10.0.0.0/16(rw,sync,no_subtree_check,no_root_squash)"


def furnish(world: World, host: Host) -> None:
    if (host.root / "etc/hostname").exists():
        return
    _write(host, "etc/hostname", f"ip-{host.private_ip.replace('.', '-')}\n")
    _FURNISHED[host.name](world, host)


def _file_server(world: World, host: Host) -> None:
    _write(host, "etc/exports", "".join(f"{path} {_CLIENTS}\n" for path in EXPORTED.values()))
    mounts = "".join(f"{disk} {point} ext4 rw,noatime 0 0\n" for point, disk in _DISKS.items())
    _write(host, "proc/mounts", _ROOT + mounts)
    _write(host, "etc/fstab", "".join(f"{disk} {point} ext4 defaults,nofail 0 2\n" for point, disk in _DISKS.items()))
    for export, path in EXPORTED.items():
        link = host.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(shares.share(world, "prod", export).resolve(), target_is_directory=True)


def _rundeck(world: World, host: Host) -> None:
    _write(host, "proc/mounts", f"{_ROOT}/dev/nvme1n1 /var/lib/rundeck ext4 rw,noatime 0 0\n")
    _write(host, "etc/fstab", "/dev/nvme1n1 /var/lib/rundeck ext4 defaults,nofail 0 2\n")
    _write(host, "etc/rundeck/framework.properties", "framework.server.url = http://rundeck.internal-client.url:4440\n")
    _write(host, "var/lib/rundeck/projects/client-magento/etc/project.properties", "project.name=client-magento\n")
    _write(host, "var/lib/rundeck/jobs/client-magento/deploy-magento-prod.yaml", "- name: Deploy magento PROD\n  project: client-magento\n")


_FURNISHED = {"openvpn": vpn.install, "gateway": gateway.install, "nfs": _file_server, "rundeck": _rundeck, BUILD: workshop.furnish}


def _write(host: Host, name: str, text: str) -> None:
    path: Path = host.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
