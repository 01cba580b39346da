"""EC2's site-to-site VPN connections: which there are, and how many of their tunnels are up."""

from __future__ import annotations

from dataclasses import dataclass

from remote.aws.session import Patience, ask


@dataclass(frozen=True, slots=True)
class Link:
    id: str
    name: str
    state: str
    up: int
    tunnels: int


def links(*, patience: Patience | None = None) -> list[Link]:
    found = ask("ec2", "describe_vpn_connections", patience=patience)["VpnConnections"]
    made = []
    for raw in found:
        telemetry = raw.get("VgwTelemetry", ())
        tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}
        up = sum(each.get("Status") == "UP" for each in telemetry)
        made.append(Link(raw["VpnConnectionId"], tags.get("Name", raw["VpnConnectionId"]), raw.get("State", ""), up, len(telemetry)))
    return sorted(made, key=lambda link: link.name)
