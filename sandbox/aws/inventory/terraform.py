"""Terraform's state of what Terraform launches: version 4, in its bucket, with a secret in it as real ones have."""

from __future__ import annotations

import json
from typing import Any

from sandbox.aws import seed
from sandbox.aws.inventory.buckets import STATE
from sandbox.aws.inventory.machines import MACHINES, Machines
from sandbox.aws.inventory.network import Network
from sandbox.world import World

KEY = "client/terraform.tfstate"
SERIAL, LINEAGE = 112, "6f1a2d1c-0f5e-6b0a-9d0f-3f3b0c7f9a41"
PROVIDER = 'provider["registry.terraform.io/hashicorp/aws"]'
LAUNCHED, BESIDE = ("rundeck", "nfs"), ("openvpn", "gateway")  # the latter are launched by `sandbox.aws.servers`


def fill(endpoint: str, world: World, net: Network, made: Machines) -> None:
    resources = [
        _resource("aws_vpc", "main", {"id": net.vpc, "cidr_block": "10.0.0.0/16"}),
        _resource("aws_internet_gateway", "main", {"id": net.internet_gateway, "vpc_id": net.vpc}),
        _resource("random_password", "rundeck_admin", {"id": "none", "result": "sandbox-state-secret"}),
    ]
    for machine in MACHINES:
        if machine.name not in LAUNCHED:
            continue
        attributes = {
            "id": machine.id,
            "ami": made.images[machine.image],
            "instance_type": machine.type,
            "private_ip": machine.address,
            "tags": {"Name": machine.name},
            "user_data": "b0a1c5de6f3d4e0f9bb1f2a5a6f0c7d8e9a1b2c3",
        }
        resources.append(_resource("aws_instance", machine.name, attributes))
        for volume in made.volumes[machine.name]:
            resources.append(_resource("aws_ebs_volume", f"{machine.name}_{volume[-4:]}", {"id": volume, "encrypted": True}))
    for name in BESIDE:
        host = world.machines[name]
        resources.append(_resource("aws_instance", name, {"id": host.instance_id, "private_ip": host.private_ip, "tags": {"Name": name}}))
    state = {
        "version": 4,
        "terraform_version": "1.5.7",
        "serial": SERIAL,
        "lineage": LINEAGE,
        "outputs": {},
        "resources": resources,
        "check_results": None,
    }
    seed.client("s3", endpoint).put_object(Bucket=STATE, Key=KEY, Body=json.dumps(state).encode())


def _resource(type_: str, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    instance = {"schema_version": 1, "attributes": attributes, "sensitive_attributes": []}
    return {"mode": "managed", "type": type_, "name": name, "provider": PROVIDER, "instances": [instance]}
