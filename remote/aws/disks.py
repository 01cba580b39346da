"""EBS volumes, their snapshots, and the account's own images."""

from __future__ import annotations

from typing import Any

from remote.aws.found import PATIENCE, Found, name_of
from remote.aws.session import ask_all, tell


def volumes() -> list[Found]:
    """`instance` and `device` are empty where it is attached to nothing."""
    found = []
    for raw in ask_all("ec2", "describe_volumes", "Volumes", patience=PATIENCE):
        at: dict[str, Any] = next(iter(raw.get("Attachments", ())), {})
        facts = {
            "gib": raw["Size"],
            "type": raw.get("VolumeType", ""),
            "encrypted": raw.get("Encrypted", False),
            "instance": at.get("InstanceId", ""),
            "device": at.get("Device", ""),
            "root": at.get("Device", "") in ("/dev/sda1", "/dev/xvda"),
        }
        found.append(Found("volume", raw["VolumeId"], name_of(raw), facts))
    return found


def snapshots() -> list[Found]:
    found = ask_all("ec2", "describe_snapshots", "Snapshots", patience=PATIENCE, OwnerIds=["self"])
    return [
        Found(
            "volume-snapshot",
            raw["SnapshotId"],
            name_of(raw) or raw.get("Description", ""),
            {
                "volume": raw.get("VolumeId", ""),
                "state": raw["State"],
                "taken": raw["StartTime"].isoformat(),
                "about": raw.get("Description", ""),
            },
        )
        for raw in found
    ]


def images() -> list[Found]:
    found = ask_all("ec2", "describe_images", "Images", patience=PATIENCE, Owners=["self"])
    return [
        Found("image", raw["ImageId"], raw.get("Name", ""), {"created": raw.get("CreationDate", ""), "state": raw["State"]})
        for raw in found
    ]


def take_snapshot(volume: str, *, key: str) -> str:
    """Begins one and returns its id; `key` stands in its description, by which it is found again."""
    specification = [{"ResourceType": "snapshot", "Tags": [{"Key": "ops-console", "Value": key}]}]
    answer = tell("ec2", "create_snapshot", VolumeId=volume, Description=f"Ops Console {key}", TagSpecifications=specification)
    return str(answer["SnapshotId"])


def snapshot_of(key: str) -> tuple[str, str, str] | None:
    """Id, state and progress of the snapshot that was begun under this key; None where there is none."""
    asked = [{"Name": "tag:ops-console", "Values": [key]}]
    found = next(ask_all("ec2", "describe_snapshots", "Snapshots", patience=PATIENCE, OwnerIds=["self"], Filters=asked), None)
    return (found["SnapshotId"], found["State"], str(found.get("Progress", ""))) if found else None
