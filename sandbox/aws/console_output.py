"""What an instance printed at its first boot, as EC2 keeps it: cloud-init ends it with the fingerprints of the SSH host keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.responses.general import General

from sandbox.world import Host, World

_BOOT = """\
[    0.000000] Linux version 4.14.355-195.598.amzn1.x86_64 (mockbuild@build) (gcc version 7.2.1) #1 SMP
[    0.421337] NET: Registered protocol family 16
cloud-init: Cloud-init v. 0.7.6 running 'modules:final'
ec2:
ec2: #############################################################
ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----
{fingerprints}
ec2: -----END SSH HOST KEY FINGERPRINTS-----
ec2: #############################################################
cloud-init: Cloud-init v. 0.7.6 finished. Datasource DataSourceEc2.  Up 21.54 seconds
"""


def install(world: World, fingerprints: Callable[[World, Host], list[str]]) -> None:
    """Puts this answer in the place of moto's, which says the same of every instance; before the first request."""

    def get_console_output(self: Any) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        try:
            printed = "\n".join(f"ec2: {line}" for line in fingerprints(world, world.host(instance.id)))
        except KeyError:  # an instance that is none of the estate's has printed nothing yet
            return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow()})
        text = _BOOT.format(fingerprints=printed)
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": Base64EncodedString.from_raw_string(text)})

    General.get_console_output = get_console_output  # type: ignore[method-assign]
