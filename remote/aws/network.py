"""The network as EC2 describes it: VPC, subnets, gateways, routes, addresses, security groups, machines; one may be started or rebooted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote.aws.found import PATIENCE, Found, name_of, tags_of
from remote.aws.session import ask, ask_all, tell


def vpcs() -> list[Found]:
    found = ask_all("ec2", "describe_vpcs", "Vpcs", patience=PATIENCE)
    return [Found("vpc", raw["VpcId"], name_of(raw), {"cidr": raw["CidrBlock"], "default": raw.get("IsDefault", False)}) for raw in found]


def subnets() -> list[Found]:
    found = ask_all("ec2", "describe_subnets", "Subnets", patience=PATIENCE)
    return [
        Found(
            "subnet",
            raw["SubnetId"],
            name_of(raw),
            {"vpc": raw["VpcId"], "cidr": raw["CidrBlock"], "zone": raw["AvailabilityZone"], "free": raw.get("AvailableIpAddressCount", 0)},
        )
        for raw in found
    ]


def internet_gateways() -> list[Found]:
    found = ask_all("ec2", "describe_internet_gateways", "InternetGateways", patience=PATIENCE)
    return [
        Found("internet-gateway", raw["InternetGatewayId"], name_of(raw), {"vpcs": sorted(each["VpcId"] for each in raw["Attachments"])})
        for raw in found
    ]


def nat_gateways() -> list[Found]:
    found = ask_all("ec2", "describe_nat_gateways", "NatGateways", patience=PATIENCE)
    return [
        Found("nat-gateway", raw["NatGatewayId"], name_of(raw), {"subnet": raw["SubnetId"], "state": raw["State"]})
        for raw in found
        if raw["State"] != "deleted"
    ]


def route_tables() -> list[Found]:
    """`ways`: the gateway by where it leads to. `default` is where everything without another route goes: its id, or nothing."""
    found = ask_all("ec2", "describe_route_tables", "RouteTables", patience=PATIENCE)
    return [
        Found(
            "route-table",
            raw["RouteTableId"],
            name_of(raw),
            {
                "vpc": raw["VpcId"],
                "default": next((_way(route) for route in raw["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"), ""),
                "ways": {
                    route["DestinationCidrBlock"]: _way(route)
                    for route in raw["Routes"]
                    if route.get("DestinationCidrBlock") and _way(route) not in ("", "local")
                },
                "subnets": sorted(each["SubnetId"] for each in raw["Associations"] if "SubnetId" in each),
            },
        )
        for raw in found
    ]


def _way(route: Mapping[str, Any]) -> str:
    return str(route.get("NatGatewayId") or route.get("GatewayId") or route.get("TransitGatewayId") or route.get("InstanceId") or "")


def addresses() -> list[Found]:
    found = ask("ec2", "describe_addresses", patience=PATIENCE)["Addresses"]
    return [
        Found(
            "elastic-ip",
            raw.get("AllocationId", raw["PublicIp"]),
            name_of(raw) or raw["PublicIp"],
            {"address": raw["PublicIp"], "instance": raw.get("InstanceId", ""), "interface": raw.get("NetworkInterfaceId", "")},
        )
        for raw in found
    ]


def security_groups() -> list[Found]:
    """A rule that lets in: {"protocol": name, "ports": [low, high], "from": cidr or the id of a group, "about": text}.

    0 to 65535 where all ports are open; of ICMP the two are its type and code, or -1. The protocol "-1" is every one.
    """
    found = ask_all("ec2", "describe_security_groups", "SecurityGroups", patience=PATIENCE)
    return [
        Found("security-group", raw["GroupId"], raw["GroupName"], {"vpc": raw.get("VpcId", ""), "in": _rules(raw["IpPermissions"])})
        for raw in found
    ]


def _rules(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = []
    for each in permissions:
        ports = [each.get("FromPort", 0), each.get("ToPort", 65535)] if each.get("IpProtocol") != "-1" else [0, 65535]
        sources = [(one["CidrIp"], one.get("Description", "")) for one in each.get("IpRanges", ())]
        sources += [(one["CidrIpv6"], one.get("Description", "")) for one in each.get("Ipv6Ranges", ())]
        sources += [(one["GroupId"], one.get("Description", "")) for one in each.get("UserIdGroupPairs", ())]
        sources += [(one["PrefixListId"], one.get("Description", "")) for one in each.get("PrefixListIds", ())]
        rules += [{"protocol": each.get("IpProtocol", "-1"), "ports": ports, "from": source, "about": about} for source, about in sources]
    return rules


def machines() -> list[Found]:
    """Every instance, whoever made it."""
    reservations = ask_all("ec2", "describe_instances", "Reservations", patience=PATIENCE)
    return [_machine(raw) for reservation in reservations for raw in reservation["Instances"] if raw["State"]["Name"] != "terminated"]


def _machine(raw: dict[str, Any]) -> Found:
    tags = tags_of(raw)
    facts = {
        "state": raw["State"]["Name"],
        "type": raw.get("InstanceType", ""),
        "image": raw.get("ImageId", ""),
        "vpc": raw.get("VpcId", ""),
        "subnet": raw.get("SubnetId", ""),
        "private_ip": raw.get("PrivateIpAddress", ""),
        "public_ip": raw.get("PublicIpAddress", ""),
        "zone": raw.get("Placement", {}).get("AvailabilityZone", ""),
        "platform": raw.get("Platform", "linux"),
        "groups": sorted(each["GroupId"] for each in raw.get("SecurityGroups", ())),
        "beanstalk": tags.get("elasticbeanstalk:environment-name", ""),
        "managed_by": tags.get("managed-by", ""),
        "launched": raw["LaunchTime"].isoformat(),
    }
    return Found("instance", raw["InstanceId"], tags.get("Name", ""), facts)


def state_of(instance: str) -> str:
    """pending, running, shutting-down, terminated, stopping or stopped. Raises NotFound."""
    reservations = ask("ec2", "describe_instances", patience=PATIENCE, InstanceIds=[instance])["Reservations"]
    return str(reservations[0]["Instances"][0]["State"]["Name"])


def start(instance: str) -> None:
    """One that runs already stays as it is."""
    tell("ec2", "start_instances", InstanceIds=[instance])


def reboot(instance: str) -> None:
    """Asks it to end by itself; after four minutes EC2 does it by force."""
    tell("ec2", "reboot_instances", InstanceIds=[instance])
