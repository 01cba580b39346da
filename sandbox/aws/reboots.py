"""EC2's RebootInstances reaches the host: moto only notes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import InstanceBackend

from sandbox.world import Host, World


def install(world: World, reboot: Callable[[World, Host], None]) -> None:
    """Before the first request."""

    def reboot_instances(self: Any, instance_ids: list[str]) -> list[Any]:
        rebooted: list[Any] = _reboot(self, instance_ids)
        for each in rebooted:
            try:
                host = world.host(each.id)
            except KeyError:  # one that nobody can look into
                continue
            reboot(world, host)
        return rebooted

    InstanceBackend.reboot_instances = reboot_instances  # type: ignore[method-assign]


_reboot: Any = InstanceBackend.reboot_instances
