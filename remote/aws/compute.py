"""EC2: which instances there are, and what their consoles print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remote.aws.session import Patience, ask, ask_all


@dataclass(frozen=True, slots=True)
class Instance:
    """`state`: pending, running, shutting-down, terminated, stopping or stopped."""

    id: str
    name: str
    private_ip: str
    zone: str
    state: str
    type: str
    launched: datetime
    image: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Volume:
    """`state`: in-use, available, error, …"""

    id: str
    device: str
    gib: int
    state: str


def instances(filters: Mapping[str, Sequence[str]], *, patience: Patience | None = None) -> list[Instance]:
    """By EC2's own filter names, for example {"tag:elasticbeanstalk:environment-name": ["shop"], "instance-state-name": ["running"]}."""
    asked = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
    reservations = ask_all("ec2", "describe_instances", "Reservations", patience=patience, Filters=asked)
    found = [_instance(raw) for reservation in reservations for raw in reservation["Instances"]]
    return sorted(found, key=lambda each: (each.name, each.id))


def volumes(instance_id: str, *, patience: Patience | None = None) -> list[Volume]:
    """Those that are attached to it besides the one that it boots from, by device."""
    asked = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    told = ask("ec2", "describe_instances", patience=patience, InstanceIds=[instance_id])["Reservations"]
    root = told[0]["Instances"][0].get("RootDeviceName", "") if told else ""
    found = [_volume(raw, instance_id) for raw in ask_all("ec2", "describe_volumes", "Volumes", patience=patience, Filters=asked)]
    return sorted((each for each in found if each.device != root), key=lambda each: each.device)


def console_output(instance_id: str, *, patience: Patience | None = None) -> str:
    """What the instance printed at its last boot (its SSH host keys among it); empty until EC2 has it."""
    return str(ask("ec2", "get_console_output", patience=patience, InstanceId=instance_id).get("Output", ""))


def _instance(raw: dict[str, Any]) -> Instance:
    tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}
    return Instance(
        id=raw["InstanceId"],
        name=tags.get("Name", ""),
        private_ip=raw.get("PrivateIpAddress", ""),
        zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        state=raw["State"]["Name"],
        type=raw.get("InstanceType", ""),
        launched=raw["LaunchTime"],
        image=raw.get("ImageId", ""),
        tags=tags,
    )


def _volume(raw: dict[str, Any], instance_id: str) -> Volume:
    device = next((each.get("Device", "") for each in raw.get("Attachments", ()) if each.get("InstanceId") == instance_id), "")
    return Volume(raw["VolumeId"], device, int(raw.get("Size", 0)), raw.get("State", ""))
