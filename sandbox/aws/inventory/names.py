"""Route 53: the private zone, the public zone, and the registration of the one domain that AWS has sold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.route53domains.models import route53domains_backends
from moto.route53domains.validators import NameServer, Route53Domain, Route53DomainsContactDetail

from sandbox.aws import loadbalancing, seed
from sandbox.aws.inventory.delivery import Distribution
from sandbox.aws.inventory.machines import MACHINES, Machines
from sandbox.world import ACCOUNT, REGION, World

PRIVATE, PUBLIC = "internal-client.url.", "client.url."
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"  # AWS's own, of all distributions
BALANCER_ZONE = "Z3Q77PNBQS71R4"  # AWS's own, of load balancers in eu-west-3
REGISTERED_FOR = timedelta(days=412)


def fill(endpoint: str, world: World, vpc: str, made: Machines, distributions: dict[str, Distribution]) -> None:
    route53 = seed.client("route53", endpoint)
    private = route53.create_hosted_zone(
        Name=PRIVATE,
        CallerReference="private",
        VPC={"VPCRegion": REGION, "VPCId": vpc},
        HostedZoneConfig={"PrivateZone": True, "Comment": ""},
    )["HostedZone"]["Id"]
    addresses = {machine.name: machine.address for machine in MACHINES}
    _records(route53, private, [_address(f"{name}.{PRIVATE}", addresses[name]) for name in ("nfs", "rundeck", "windows")])
    public = route53.create_hosted_zone(Name=PUBLIC, CallerReference="public")["HostedZone"]["Id"]
    balancers = {each.name: each.dns_name for each in loadbalancing.backend().load_balancers.values()}
    production, before = balancers[seed.PROD_BALANCER], balancers[seed.PREPROD_BALANCER]
    _records(
        route53,
        public,
        [
            _alias(PUBLIC, BALANCER_ZONE, production),
            _alias(f"www.{PUBLIC}", BALANCER_ZONE, production),
            _alias(f"preprod.{PUBLIC}", BALANCER_ZONE, before),
            *(_alias(f"{name}.{PUBLIC}", CLOUDFRONT_ZONE, each.domain) for name, each in distributions.items()),
        ],
    )
    _register(world)


def _records(route53: Any, zone: str, sets: list[dict[str, Any]]) -> None:
    route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": each} for each in sets]}
    )


def _address(name: str, address: str) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": address}]}


def _alias(name: str, zone: str, target: str) -> dict[str, Any]:
    return {"Name": name, "Type": "A", "AliasTarget": {"HostedZoneId": zone, "DNSName": f"{target}.", "EvaluateTargetHealth": False}}


def _register(world: World) -> None:
    """Moto takes real top-level domains alone; the document's is none, so the registration is put where moto keeps it."""
    contact = Route53DomainsContactDetail()
    domain = Route53Domain(
        domain_name=PRIVATE.rstrip("."),
        nameservers=[NameServer(name=f"ns-{number}.awsdns-{number}.org", glue_ips=[]) for number in (11, 22)],
        auto_renew=True,
        admin_contact=contact,
        registrant_contact=contact,
        tech_contact=contact,
        admin_privacy=True,
        registrant_privacy=True,
        tech_privacy=True,
        registrar_name="Amazon Registrar, Inc.",
        whois_server="whois.registrar.amazon.com",
        registrar_url="https://registrar.amazon.com",
        abuse_contact_email="",
        abuse_contact_phone="",
        registry_domain_id="",
        creation_date=world.clock.now() - timedelta(days=1500),
        updated_date=world.clock.now() - timedelta(days=318),
        expiration_date=world.clock.now() + REGISTERED_FOR,
        reseller="",
        status_list=["clientTransferProhibited"],
        dns_sec_keys=[],
        extra_params=[],
    )
    backend: Any = route53domains_backends[ACCOUNT]["global"]
    backend._Route53DomainsBackend__domains[domain.domain_name] = domain
