"""The certificate of *.client.url in both regions where it is used, and the two CloudFront distributions.

The certificate is the one that the sandbox's own edge serves, so what AWS says can be held against a handshake.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, acm_backends
from moto.cloudfront import models as cloudfront_models

from sandbox.aws import loadbalancing, seed
from sandbox.network import authority
from sandbox.world import ACCOUNT, REGION, World

EDGE_REGION = "us-east-1"  # where CloudFront looks for certificates
INVALIDATION_SECONDS = 2.0
# name, path at the origin
DISTRIBUTIONS = (("media", "/pub/media"), ("static", "/pub/static"))


@dataclass(frozen=True, slots=True)
class Certificates:
    regional: str
    edge: str


@dataclass(frozen=True, slots=True)
class Distribution:
    id: str
    domain: str
    arn: str


def install() -> None:
    """An invalidation is in progress for a moment: moto says COMPLETED at once, a word that AWS does not have.

    Who uses a certificate goes on using the one that is imported in its place.
    """

    def begin(self: Any, distribution: Any, paths: list[str], caller_ref: str) -> None:
        _begin(self, distribution, paths, caller_ref)
        self.status = "InProgress"
        timer = threading.Timer(INVALIDATION_SECONDS, setattr, (self, "status", "Completed"))
        timer.daemon = True
        timer.start()

    def import_certificate(self: Any, certificate: bytes, private_key: bytes, chain: bytes | None, arn: str | None, tags: list[Any]) -> str:
        users = list(self._certificates[arn].in_use_by) if arn in self._certificates else []
        imported: str = _import(self, certificate, private_key, chain, arn, tags)
        self._certificates[imported].in_use_by[:] = users
        return imported

    def create_invalidation(self: Any, dist_id: str, paths: list[str], caller_ref: str) -> Any:
        for earlier in self.invalidations.get(dist_id, ()):
            if earlier.caller_ref == caller_ref and earlier.paths == paths:
                return earlier  # AWS replays it
        return _create(self, dist_id, paths, caller_ref)

    cloudfront_models.CloudFrontBackend.create_invalidation = create_invalidation  # type: ignore[method-assign]
    cloudfront_models.Invalidation.__init__ = begin  # type: ignore[method-assign]
    AWSCertificateManagerBackend.import_certificate = import_certificate  # type: ignore[method-assign]


_import: Any = AWSCertificateManagerBackend.import_certificate
_create: Any = cloudfront_models.CloudFrontBackend.create_invalidation
_begin: Any = cloudfront_models.Invalidation.__init__


def certificates(endpoint: str, world: World) -> Certificates:
    authority.server_context(world)
    folder = world.data / "tls"
    private, _, leaf = (folder / "client.url.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE-----")
    arns = []
    for region in (REGION, EDGE_REGION):
        acm = seed.client("acm", endpoint, region)
        arns.append(
            acm.import_certificate(
                Certificate=b"-----BEGIN CERTIFICATE-----" + leaf, PrivateKey=private, CertificateChain=(folder / "ca.pem").read_bytes()
            )["CertificateArn"]
        )
    elbv2 = seed.client("elbv2", endpoint)
    for name in (seed.PROD_BALANCER, seed.PREPROD_BALANCER):
        balancer = loadbalancing.balancer_arn(name)
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
            if listener["Port"] == 443:
                elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Certificates=[{"CertificateArn": arns[0]}])
    acm_backends[ACCOUNT][REGION].get_certificate(arns[0]).in_use_by[:] = [
        loadbalancing.balancer_arn(name) for name in (seed.PROD_BALANCER, seed.PREPROD_BALANCER)
    ]
    return Certificates(*arns)


def distributions(endpoint: str, certificates: Certificates) -> dict[str, Distribution]:
    cloudfront = seed.client("cloudfront", endpoint)
    balancer = next(each for each in loadbalancing.backend().load_balancers.values() if each.name == seed.PROD_BALANCER)
    made = {}
    for name, path in DISTRIBUTIONS:
        answer = cloudfront.create_distribution(DistributionConfig=_config(name, path, balancer.dns_name, certificates.edge))[
            "Distribution"
        ]
        made[name] = Distribution(answer["Id"], answer["DomainName"], answer["ARN"])
    edge = acm_backends[ACCOUNT][EDGE_REGION].get_certificate(certificates.edge)
    edge.in_use_by[:] = [each.arn for each in made.values()]
    return made


def _config(name: str, path: str, origin: str, certificate: str) -> dict[str, Any]:
    return {
        "CallerReference": f"client-{name}",
        "Comment": f"client {name}",
        "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": [f"{name}.client.url"]},
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "alb",
                    "DomainName": origin,
                    "OriginPath": path,
                    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "alb",
            "ViewerProtocolPolicy": "https-only",
            "MinTTL": 0,
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        },
        "ViewerCertificate": {
            "ACMCertificateArn": certificate,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        },
    }
