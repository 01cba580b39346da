"""What runs on the VPN host and the gateway: their services, started and ended with the sandbox."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.hosts import gateway, vpn
from sandbox.world import GATEWAY, VPN, Host, World

_START: dict[str, Callable[[World, Host], Callable[[], None]]] = {VPN: vpn.start, GATEWAY: gateway.start}


def start(world: World) -> Callable[[], None]:
    stops = [_START[host.role](world, host) for host in world.machines.values() if host.role in _START]

    def stop() -> None:
        for each in stops:
            each()

    return stop
