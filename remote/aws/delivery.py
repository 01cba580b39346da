"""CloudFront's distributions, and certificates in ACM in both regions where they are used; invalidations are told."""

from __future__ import annotations

from typing import Any

from remote.aws.faults import translated
from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask, ask_all, tell

EDGE_REGION = "us-east-1"  # where CloudFront looks for certificates


def distributions() -> list[Found]:
    with translated("cloudfront list-distributions"):
        found = list(_listed())
    return [
        Found(
            "distribution",
            raw["Id"],
            next(iter(raw.get("Aliases", {}).get("Items", ())), raw["DomainName"]),
            {
                "domain": raw["DomainName"],
                "arn": raw["ARN"],
                "status": raw["Status"],
                "enabled": raw["Enabled"],
                "aliases": list(raw.get("Aliases", {}).get("Items", ())),
                "viewer": raw["DefaultCacheBehavior"]["ViewerProtocolPolicy"],
                "origins": [{"domain": each["DomainName"], "path": each.get("OriginPath", "")} for each in raw["Origins"]["Items"]],
                "certificate": raw.get("ViewerCertificate", {}).get("ACMCertificateArn", ""),
                "query_string": raw["DefaultCacheBehavior"].get("ForwardedValues", {}).get("QueryString", False),
                "compress": raw["DefaultCacheBehavior"].get("Compress", False),
            },
        )
        for raw in found
    ]


def _listed() -> Any:
    marker: dict[str, str] = {}
    while True:
        page = ask("cloudfront", "list_distributions", patience=PATIENCE, **marker)["DistributionList"]
        yield from page.get("Items", ())
        if not page.get("IsTruncated"):
            return
        marker = {"Marker": page["NextMarker"]}


def invalidate(distribution: str, paths: list[str], *, key: str) -> str:
    """Its id. The same key with the same paths is the same invalidation, however often it is told."""
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": key}
    return str(tell("cloudfront", "create_invalidation", DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]["Id"])


def certificates(region: str = "") -> list[Found]:
    """Of one region, the console's own by default. ACM leaves out most kinds of key unless they are asked for."""
    service = f"acm@{region}" if region else "acm"
    kinds = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
    arns = [each["CertificateArn"] for each in ask_all(service, "list_certificates", "CertificateSummaryList", patience=PATIENCE,
                                                       Includes={"keyTypes": kinds})]  # fmt: skip
    return [_certificate(ask(service, "describe_certificate", patience=PATIENCE, CertificateArn=arn)["Certificate"]) for arn in arns]


def certificate_pem(arn: str) -> str:
    """The certificate itself, which is public, as it is served now. Raises NotFound."""
    return str(ask(_acm_of(arn), "get_certificate", patience=PATIENCE, CertificateArn=arn)["Certificate"])


def import_certificate(arn: str, *, certificate: bytes, chain: bytes, key: bytes) -> None:
    """In the place of the one that has this ARN; whatever serves that one serves the new one within minutes."""
    chained: dict[str, Any] = {"CertificateChain": chain} if chain else {}
    tell(_acm_of(arn), "import_certificate", CertificateArn=arn, Certificate=certificate, PrivateKey=key, **chained)


def _acm_of(arn: str) -> str:
    return f"acm@{arn.split(':')[3]}"


def _certificate(raw: dict[str, Any]) -> Found:
    facts = {
        "region": raw["CertificateArn"].split(":")[3],
        "domain": raw["DomainName"],
        "names": list(raw.get("SubjectAlternativeNames", ())),
        "type": raw.get("Type", ""),
        "status": raw.get("Status", ""),
        "ends": raw["NotAfter"].isoformat() if raw.get("NotAfter") else "",
        "serial": raw.get("Serial", ""),
        "issuer": raw.get("Issuer", ""),
        "renewal": raw.get("RenewalEligibility", ""),
        "used_by": sorted(raw.get("InUseBy", ())),
    }
    return Found("certificate", raw["CertificateArn"], f"{raw['DomainName']} in {facts['region']}", facts)


def invalidation_status(distribution: str, invalidation: str) -> str:
    """InProgress or Completed. Raises NotFound."""
    found = ask("cloudfront", "get_invalidation", patience=PATIENCE, DistributionId=distribution, Id=invalidation)
    return str(found["Invalidation"]["Status"])
