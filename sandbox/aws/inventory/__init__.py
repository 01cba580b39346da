"""What the estate has besides its environments: network, machines, databases, caches, distributions, names, certificates, state.

Lives here: how the parts are seeded, one after the other, through the front door. What AWS lets nobody choose (the age of an image, the
state of a tunnel) is set in moto's back ends by the part itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.aws import seed
from sandbox.aws.inventory import buckets, caches, databases, delivery, machines, names, network, terraform
from sandbox.world import World

__all__ = ["Seeded", "fill", "install"]


@dataclass(frozen=True, slots=True)
class Seeded:
    network: network.Network
    machines: machines.Machines


def install() -> None:
    """Puts what moto lacks in its place; before the first request."""
    network.install()
    caches.install()
    delivery.install()


def fill(endpoint: str, world: World, vpc: str, public: list[str], private: dict[str, str]) -> Seeded:
    """Everything that the hand-over document names and Beanstalk does not make itself."""
    ec2 = seed.client("ec2", endpoint)
    net = network.fill(ec2, world, vpc, public, private)
    made = machines.fill(ec2, world, net)
    databases.fill(endpoint, world, net)
    caches.fill(endpoint, net)
    certificates = delivery.certificates(endpoint, world)
    distributions = delivery.distributions(endpoint, certificates)
    names.fill(endpoint, world, vpc, made, distributions)
    buckets.fill(endpoint)
    terraform.fill(endpoint, world, net, made)
    return Seeded(net, made)
