"""The IPSec connections of the network: each has two tunnels. Their configuration, which holds the keys, never leaves this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remote.aws.found import PATIENCE, Found, name_of
from remote.aws.session import ask


@dataclass(frozen=True, slots=True)
class Tunnel:
    address: str  # its outside address
    up: bool
    said: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """`name` is the Name tag; without one it is the id. `state`: pending, available or deleting.

    `gateway` is the network's side of it, as routes name it.
    """

    id: str
    name: str
    state: str
    gateway: str
    tunnels: tuple[Tunnel, ...]

    @property
    def up(self) -> int:
        """So many of its tunnels are."""
        return sum(tunnel.up for tunnel in self.tunnels)


def links() -> list[Link]:
    """By name; those that are deleted are shown by EC2 for an hour, and not here."""
    found = ask("ec2", "describe_vpn_connections", patience=PATIENCE)["VpnConnections"]
    made = [
        Link(
            raw["VpnConnectionId"],
            name_of(raw) or raw["VpnConnectionId"],
            raw.get("State", ""),
            raw.get("VpnGatewayId", "") or raw.get("TransitGatewayId", ""),
            tuple(
                Tunnel(told["OutsideIpAddress"], told["Status"] == "UP", told.get("StatusMessage", ""), told.get("LastStatusChange"))
                for told in raw.get("VgwTelemetry", ())
            ),
        )
        for raw in found
        if raw.get("State") != "deleted"
    ]
    return sorted(made, key=lambda link: link.name)


def found() -> list[Found]:
    """As parts of the inventory."""
    return [
        Found(
            "ipsec-link",
            link.id,
            link.name,
            {"state": link.state, "gateway": link.gateway, "tunnels": [_facts(each) for each in link.tunnels]},
        )
        for link in links()
    ]


def _facts(tunnel: Tunnel) -> dict[str, str]:
    since = tunnel.since.isoformat() if tunnel.since else ""
    return {"address": tunnel.address, "status": "UP" if tunnel.up else "DOWN", "since": since, "said": tunnel.said}
