"""Where the servers of this area are: asked from EC2 by their names, and kept with what was last seen of them."""

from __future__ import annotations

from dataclasses import dataclass

from estate.reading import current
from estate.ways_in import FtpAccount, Gateway, Vpn, WaysIn
from remote.aws import compute
from remote.errors import NotFound
from runs.actions import Refusal


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    instance_id: str
    ip: str
    image: str


class NotConfigured(Refusal):
    """estate.yaml says nothing of it. The text says what to write."""


def ways_in() -> WaysIn:
    """Raises NotConfigured."""
    found = current().access
    if found is None:
        raise NotConfigured("estate.yaml has no “access”: add it, with the VPN's and the gateway's instance, and this page fills itself.")
    return found


def vpn() -> Vpn:
    found = ways_in().vpn
    if found is None:
        raise NotConfigured("estate.yaml has no “access.vpn”: add it with the instance's name.")
    return found


def gateway() -> Gateway:
    found = ways_in().gateway
    if found is None:
        raise NotConfigured("estate.yaml has no “access.gateway”: add it with the instance, its security group and its services.")
    return found


def ftp() -> FtpAccount:
    found = ways_in().ftp
    if found is None:
        raise NotConfigured("estate.yaml has no “access.ftp”: add it with the service and the account's name.")
    return found


def find(instance: str) -> Place:
    """Raises RemoteError; NotFound where no such instance runs."""
    found = compute.instances({"tag:Name": [instance], "instance-state-name": ["running"]})
    if not found:
        raise NotFound(f"EC2 has no running instance named {instance}", "Check its Name tag against estate.yaml.")
    newest = max(found, key=lambda each: each.launched)
    return Place(instance, newest.id, newest.private_ip, newest.image)
