"""Gateways, routes, security groups and the three IPSec links, whose telemetry moto lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.responses.vpn_connections import VPNConnections

from sandbox.aws.seed import ZONES, tagged
from sandbox.world import ACCOUNT, PREPROD_BACK, PREPROD_FRONT, PROD_BACK, PROD_FRONT, REGION, World

NETWORK_RANGE = "10.0.0.0/16"
UP, DOWN = "UP", "DOWN"
# name, public address of the client's side, outside addresses of the two tunnels, networks behind it
LINKS = (
    ("Lan", "198.51.100.10", ("203.0.113.11", "203.0.113.12"), "172.16.0.0/16"),
    ("Ml", "198.51.100.20", ("203.0.113.21", "203.0.113.22"), "172.17.0.0/16"),
    ("Cetsi", "198.51.100.30", ("203.0.113.31", "203.0.113.32"), "172.18.0.0/16"),
)
STOOD = timedelta(days=12, hours=4)
_MYSQL, _REDIS = 3306, 6379


@dataclass(slots=True)
class Tunnel:
    address: str
    status: str
    since: datetime


@dataclass(slots=True)
class Network:
    vpc: str
    public: list[str]
    private: dict[str, str]
    groups: dict[str, str] = field(default_factory=dict)  # name -> id
    internet_gateway: str = ""
    nat_gateways: list[str] = field(default_factory=list)
    private_tables: list[str] = field(default_factory=list)  # of routes
    links: dict[str, str] = field(default_factory=dict)  # name -> connection id


def fill(ec2: Any, world: World, vpc: str, public: list[str], private: dict[str, str]) -> Network:
    net = Network(vpc, public, private)
    _gateways(ec2, net)
    _groups(ec2, net)
    _links(ec2, world, net)
    for host in world.hosts.values():
        if name := _group_of(host.environment):
            ec2.modify_instance_attribute(InstanceId=host.instance_id, Groups=[net.groups[name]])
    return net


def _gateways(ec2: Any, net: Network) -> None:
    net.internet_gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", Name="client"))["InternetGateway"][
        "InternetGatewayId"
    ]
    ec2.attach_internet_gateway(InternetGatewayId=net.internet_gateway, VpcId=net.vpc)
    _routes(ec2, net.vpc, "client-public", net.public, GatewayId=net.internet_gateway)
    for zone, subnet, inside in zip(ZONES, net.public, net.private.values(), strict=True):
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name=f"client-nat-{zone}"))["AllocationId"]
        nat = ec2.create_nat_gateway(
            SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway", Name=f"client-nat-{zone}")
        )
        net.nat_gateways.append(nat["NatGateway"]["NatGatewayId"])
        net.private_tables.append(_routes(ec2, net.vpc, f"client-private-{zone}", [inside], NatGatewayId=net.nat_gateways[-1]))


def _routes(ec2: Any, vpc: str, name: str, subnets: list[str], **way: str) -> str:
    table: str = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", Name=name))["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return table


def _groups(ec2: Any, net: Network) -> None:
    def group(name: str, about: str, *rules: dict[str, Any]) -> None:
        made = ec2.create_security_group(
            GroupName=name, Description=about, VpcId=net.vpc, TagSpecifications=tagged("security-group", Name=name)
        )
        net.groups[name] = made["GroupId"]
        if rules:
            ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=list(rules))

    group("client-alb", "Load balancers", _from("0.0.0.0/0", 80), _from("0.0.0.0/0", 443))
    balancer = net.groups["client-alb"]
    group("client-magento-prod", "Magento, production", _group_rule(balancer, 80), _from(NETWORK_RANGE, 22))
    group("client-magento-preprod", "Magento, pre-production", _group_rule(balancer, 80), _from(NETWORK_RANGE, 22))
    group("client-pim", "PIM", _group_rule(balancer, 80), _from(NETWORK_RANGE, 22))
    group("client-custom-connection", "Custom Connection", _group_rule(balancer, 80), _from(NETWORK_RANGE, 21), _from(NETWORK_RANGE, 22))
    group("client-mirakl-cashout", "Mirakl-HiPay connector", _group_rule(balancer, 80), _from(NETWORK_RANGE, 22))
    production, before = net.groups["client-magento-prod"], net.groups["client-magento-preprod"]
    group("client-rds-prod", "Production database", _group_rule(production, _MYSQL))
    group("client-rds-preprod", "Pre-production database", _group_rule(before, _MYSQL))
    shared = [net.groups[name] for name in ("client-pim", "client-custom-connection", "client-mirakl-cashout")]
    group("client-rds-shared", "Shared database", *(_group_rule(each, _MYSQL) for each in shared))
    group("client-redis-prod", "Production cache", _group_rule(production, _REDIS))
    group("client-redis-preprod", "Pre-production cache", _group_rule(before, _REDIS))
    group("client-nfs", "File server", _from(NETWORK_RANGE, 2049), _from(NETWORK_RANGE, 22))
    group("client-rundeck", "Rundeck", _from(NETWORK_RANGE, 4440), _from(NETWORK_RANGE, 22))
    group("client-windows", "Windows", *(_from(NETWORK_RANGE, *ports) for ports in ((445,), (3389,), (21,), (2048, 4096), (8700, 8800))))
    group("client-phpmyadmin", "phpMyAdmin", _from(NETWORK_RANGE, 80))
    group("client-ansible", "Ansible", _from(NETWORK_RANGE, 22))


def _from(cidr: str, low: int, high: int = 0) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": low, "ToPort": high or low, "IpRanges": [{"CidrIp": cidr}]}


def _group_rule(group: str, port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}


def _group_of(environment: str) -> str:
    if environment in (PROD_FRONT, PROD_BACK):
        return "client-magento-prod"
    if environment in (PREPROD_FRONT, PREPROD_BACK):
        return "client-magento-preprod"
    return environment if environment in ("client-pim", "client-custom-connection", "client-mirakl-cashout") else ""


def _links(ec2: Any, world: World, net: Network) -> None:
    gateway = ec2.create_vpn_gateway(Type="ipsec.1", TagSpecifications=tagged("vpn-gateway", Name="client"))["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=net.vpc, VpnGatewayId=gateway)
    for table in net.private_tables:
        for *_, behind in LINKS:
            ec2.create_route(RouteTableId=table, DestinationCidrBlock=behind, GatewayId=gateway)
    since = world.clock.now() - STOOD
    for name, address, outside, _ in LINKS:
        customer = ec2.create_customer_gateway(Type="ipsec.1", PublicIp=address, BgpAsn=65000)["CustomerGateway"]["CustomerGatewayId"]
        made = ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=customer,
            VpnGatewayId=gateway,
            TagSpecifications=tagged("vpn-connection", Name=f"DLM-{name}"),
        )
        net.links[name] = made["VpnConnection"]["VpnConnectionId"]
        link(net.links[name]).tunnels_seen = [Tunnel(each, UP, since) for each in outside]


def link(connection: str) -> Any:
    """Moto's own object of a VPN connection; `tunnels_seen` is ours."""
    return ec2_backends[ACCOUNT][REGION].vpn_connections[connection]


def links() -> dict[str, Any]:
    """By the Name tag: DLM-Lan, …"""
    found = ec2_backends[ACCOUNT][REGION].vpn_connections.values()
    return {next((tag["value"] for tag in each.get_tags() if tag["key"] == "Name"), each.id): each for each in found}


def set_tunnel(name: str, number: int, status: str, now: datetime) -> None:
    """`name`: DLM-Lan; `number`: 1 or 2. Raises KeyError and IndexError where there is none."""
    tunnel = links()[name].tunnels_seen[number - 1]
    tunnel.status, tunnel.since = status, now


def install() -> None:
    """DescribeVpnConnections with the telemetry and the options that moto leaves out; the pre-shared keys are none."""

    def describe_vpn_connections(self: Any) -> ActionResult:
        found = self.ec2_backend.describe_vpn_connections(
            vpn_connection_ids=self._get_param("VpnConnectionIds", []), filters=self._filters_from_querystring()
        )
        return ActionResult({"VpnConnections": [_told(each) for each in found]})

    VPNConnections.describe_vpn_connections = describe_vpn_connections  # type: ignore[method-assign]


def _told(each: Any) -> dict[str, Any]:
    tunnels: list[Tunnel] = getattr(each, "tunnels_seen", [])
    return {
        "VpnConnectionId": each.id,
        "State": each.state,
        "Type": each.type,
        "CustomerGatewayId": each.customer_gateway_id,
        "VpnGatewayId": each.vpn_gateway_id,
        "Options": {"StaticRoutesOnly": True},
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in each.get_tags()],
        "VgwTelemetry": [
            {
                "OutsideIpAddress": tunnel.address,
                "Status": tunnel.status,
                "StatusMessage": f"IPSEC IS {tunnel.status}",
                "LastStatusChange": tunnel.since,
                "AcceptedRouteCount": 1 if tunnel.status == UP else 0,
            }
            for tunnel in tunnels
        ],
    }
