"""The IPSec connections of the network: each has two tunnels. Their configuration, which holds the keys, is never read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remote.aws.session import ask


@dataclass(frozen=True, slots=True)
class Tunnel:
    address: str  # its outside address
    up: bool
    said: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """`name` is the Name tag; without one it is the id."""

    id: str
    name: str
    tunnels: tuple[Tunnel, ...]


def links() -> list[Link]:
    found = ask("ec2", "describe_vpn_connections", Filters=[{"Name": "state", "Values": ["available"]}])["VpnConnections"]
    return [
        Link(
            each["VpnConnectionId"],
            next((tag["Value"] for tag in each.get("Tags", []) if tag["Key"] == "Name"), each["VpnConnectionId"]),
            tuple(
                Tunnel(told["OutsideIpAddress"], told["Status"] == "UP", told.get("StatusMessage", ""), told["LastStatusChange"])
                for told in each.get("VgwTelemetry", [])
            ),
        )
        for each in found
    ]
