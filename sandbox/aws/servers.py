"""The VPN host and the gateway as EC2 knows them, and who may reach them: security groups as the hand-over document tells them.

Made through the front door, as everything in `sandbox.aws.seed`.
"""

from __future__ import annotations

from typing import Any

from sandbox.aws.seed import client, next_instance_id, tagged
from sandbox.world import GATEWAY, VPN, World

IMAGES = {VPN: "client-openvpn-*", GATEWAY: "client-gateway-*"}  # names that Packer gives; made by `inventory`
PORTS = ((445, 445), (8700, 8800), (3389, 3389), (21, 21), (2048, 4096))  # of the gateway, by the document
# Who was let in before anybody wrote down why: address, what its rules say. The document has these addresses blacked out.
ALLOWED = (("203.0.113.7/32", "Head office"), ("203.0.113.64/27", "Warehouse"), ("198.51.100.23/32", ""))


def launch(endpoint: str, world: World, vpc: str, public: list[str]) -> None:
    ec2 = client("ec2", endpoint)
    for host in world.machines.values():
        if host.role not in IMAGES:
            continue
        image = ec2.describe_images(Filters=[{"Name": "name", "Values": [IMAGES[host.role]]}])["Images"][0]["ImageId"]
        group = ec2.create_security_group(GroupName=f"client-{host.name}", Description=f"Who may reach {host.name}", VpcId=vpc)["GroupId"]
        if rules := _rules(host.role):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
        third = int(host.private_ip.split(".")[2])
        with next_instance_id(host.instance_id):
            ec2.run_instances(
                ImageId=image,
                InstanceType="t3.small",
                MinCount=1,
                MaxCount=1,
                SubnetId=public[third - 1],
                PrivateIpAddress=host.private_ip,
                SecurityGroupIds=[group],
                TagSpecifications=tagged("instance", Name=host.name, **{"managed-by": "terraform"}),
            )
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.associate_address(AllocationId=address, InstanceId=host.instance_id)


def _rules(role: str) -> list[dict[str, Any]]:
    if role == VPN:
        return [_rule(1194, 1194, "0.0.0.0/0", "OpenVPN", protocol="udp"), _rule(22, 22, "10.0.0.0/16", "SSH inside the VPC")]
    if role != GATEWAY:
        return []
    return [_rule(first, last, cidr, told) for cidr, told in ALLOWED for first, last in PORTS]


def _rule(first: int, last: int, cidr: str, told: str, *, protocol: str = "tcp") -> dict[str, Any]:
    network = {"CidrIp": cidr, **({"Description": told} if told else {})}
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last, "IpRanges": [network]}
