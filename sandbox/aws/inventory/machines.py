"""The hosts that no Beanstalk environment owns, their volumes, their images, and the Elastic IPs.

The OpenVPN and the gateway host have a side of their own (SSH, PKI, HAProxy) elsewhere; here is what EC2 knows of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto.ec2.models import ec2_backends

from sandbox.aws.inventory.network import Network
from sandbox.aws.seed import ZONES, next_instance_id, tagged
from sandbox.world import ACCOUNT, REGION, World

APPLICATION_IMAGE = "ami-0f15e0a4c8d3e5ee0"  # of every Beanstalk instance


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    id: str
    address: str
    type: str
    group: str
    image: str
    volumes: tuple[tuple[str, int], ...] = ()  # device, GiB; besides the root volume
    public: bool = False
    platform: str = ""


MACHINES = (
    Machine("rundeck", "i-0b3e7c91d5a2f8046", "10.0.101.20", "t3.medium", "client-rundeck", "ami-rundeck", (("/dev/sdf", 50),)),
    Machine("nfs", "i-0c8d5f2a6b1e93704", "10.0.101.30", "m5.large", "client-nfs", "ami-nfs", (("/dev/sdf", 500), ("/dev/sdg", 100))),
    Machine("windows", "i-0d2f9a4c7e8b15360", "10.0.101.50", "m5.xlarge", "client-windows", "ami-windows",
            (("xvdf", 200), ("xvdg", 100)), platform="windows"),
    Machine("ansible", "i-0e6a1b8d3c5f29470", "10.0.101.55", "t3.small", "client-ansible", "ami-base"),
    Machine("phpmyadmin", "i-0f4c2e7b9a6d81350", "10.0.101.56", "t3.small", "client-phpmyadmin", "ami-base"),
)  # fmt: skip
# key in MACHINES, name, days old
IMAGES = (
    ("ami-rundeck", "client-rundeck-2026-02", 290),
    ("ami-nfs", "client-nfs-2026-01", 320),
    ("ami-windows", "client-windows-manual", 610),
    ("ami-base", "client-base-2026-03", 260),
    ("ami-openvpn", "client-openvpn-2026-05", 200),
    ("ami-gateway", "client-gateway-2026-05", 200),
)


@dataclass(slots=True)
class Machines:
    images: dict[str, str] = field(default_factory=dict)  # key -> image id
    volumes: dict[str, list[str]] = field(default_factory=dict)  # machine -> volume ids


def fill(ec2: Any, world: World, net: Network) -> Machines:
    made = Machines()
    backend = ec2_backends[ACCOUNT][REGION]
    now = world.clock.now()
    for key, name, days in IMAGES:
        image = ec2.register_image(Name=name, Description=f"Built by Packer: {name}", RootDeviceName="/dev/xvda")["ImageId"]
        ec2.create_tags(Resources=[image], Tags=[{"Key": "Name", "Value": name}, {"Key": "built-by", "Value": "packer"}])
        backend.amis[image].creation_date = (now - timedelta(days=days)).replace(tzinfo=None)
        made.images[key] = image
    for machine in MACHINES:
        if machine.id not in {instance.id for reservation in backend.reservations.values() for instance in reservation.instances}:
            _launch(ec2, net, made, machine)
        made.volumes[machine.name] = [_volume(ec2, world, machine, device, size) for device, size in machine.volumes]
        if machine.name in world.machines:
            _disks(world.machines[machine.name].root / "run/disks", made.volumes[machine.name])
    return made


def _launch(ec2: Any, net: Network, made: Machines, machine: Machine) -> None:
    third = machine.address.split(".")[2]
    with next_instance_id(machine.id):
        ec2.run_instances(
            ImageId=made.images[machine.image],
            InstanceType=machine.type,
            MinCount=1,
            MaxCount=1,
            SubnetId=net.private[third],
            PrivateIpAddress=machine.address,
            SecurityGroupIds=[net.groups[machine.group]],
            TagSpecifications=tagged("instance", Name=machine.name, **{"managed-by": "hand" if machine.platform else "terraform"}),
        )
    if machine.platform:
        ec2_backends[ACCOUNT][REGION].get_instance(machine.id).platform = machine.platform


def _disks(file: Path, volumes: Iterable[str]) -> None:
    """What the host's kernel says of them: names of its own, in this order, with the volume's id as the serial number."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"nvme{number}n1 {volume.replace('-', '')}\n" for number, volume in enumerate(volumes, 1)))


def _volume(ec2: Any, world: World, machine: Machine, device: str, size: int) -> str:
    volume: str = ec2.create_volume(
        AvailabilityZone=f"{REGION}{ZONES[0]}",
        Size=size,
        VolumeType="gp3",
        Encrypted=True,
        TagSpecifications=tagged("volume", Name=f"{machine.name}-data-{device[-1]}"),
    )["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=machine.id, Device=device)
    snapshot = ec2.create_snapshot(VolumeId=volume, Description=f"nightly {machine.name}")["SnapshotId"]
    ec2_backends[ACCOUNT][REGION].snapshots[snapshot].start_time = world.clock.now() - timedelta(hours=9)
    return volume
