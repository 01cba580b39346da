"""The three IPSec connections of the document, two tunnels each: which are up, and since when.

Lives here: the state that the metrics, DescribeVpnConnections and the alarms all follow from.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.world import Clock

UP_FOR = timedelta(days=6)  # before the start


@dataclass(slots=True)
class Tunnel:
    address: str  # its outside address
    up: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    id: str
    name: str
    customer_gateway: str
    tunnels: tuple[Tunnel, ...]


# id, name, customer gateway, outside addresses of its two tunnels (of the ranges for documentation)
CONNECTIONS = (
    ("vpn-0d1a4c7e95b3f6820", "DLM-Lan", "cgw-0a1f3c5e7d9b2846", ("198.51.100.11", "198.51.100.12")),
    ("vpn-0b6e2f81c4a7d9035", "DLM-Ml", "cgw-0b2e4d6f8a1c3957", ("198.51.100.21", "198.51.100.22")),
    ("vpn-07c3d95e0f1b82a64", "DLM-Cetsi", "cgw-0c3d5e7f9b2a4168", ("198.51.100.31", "198.51.100.32")),
)


class Tunnels:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        since = clock.now() - UP_FOR
        self.connections = tuple(
            Connection(id_, name, gateway, tuple(Tunnel(address, True, since) for address in addresses))
            for id_, name, gateway, addresses in CONNECTIONS
        )

    def connection(self, name_or_id: str) -> Connection:
        """Raises KeyError."""
        return {key: connection for connection in self.connections for key in (connection.id, connection.name)}[name_or_id]

    def turn(self, tunnels: Iterable[Tunnel], *, up: bool, at: datetime | None = None) -> None:
        """`at` lets a tunnel have changed some minutes ago."""
        with self._lock:
            for tunnel in tunnels:
                if tunnel.up != up:
                    tunnel.up, tunnel.since = up, at or self._clock.now()
