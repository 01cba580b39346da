"""A rule of a security group, as `remote.aws.network` tells it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WITH_PORTS = ("tcp", "udp", "-1")


def lets_in(rule: Mapping[str, Any]) -> str:
    """443 from 10.0.0.0/16. What is not TCP is named."""
    low, high = rule["ports"]
    protocol = rule.get("protocol", "tcp")
    if protocol in _WITH_PORTS:
        ports = "every port" if (low, high) == (0, 65535) else str(low) if low == high else f"{low}–{high}"
        what = f"UDP {ports}" if protocol == "udp" else ports
    else:
        what = {"icmp": "ICMP", "icmpv6": "ICMPv6"}.get(protocol, f"protocol {protocol}")
        what += f" type {low}" if protocol.startswith("icmp") and low != -1 else ""
    return f"{what} from {rule['from']}"


def is_of(rule: Mapping[str, Any], port: int) -> bool:
    """Of ICMP the two numbers are type and code: no port is in it, whatever they are."""
    low, high = rule["ports"]
    return rule.get("protocol", "tcp") in _WITH_PORTS and low <= port <= high
