"""Route 53: zones, records, and the registration of domains. Reading only."""

from __future__ import annotations

from typing import Any

from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask, ask_all


def zones_and_records() -> list[Found]:
    """One call for the zones, one for each zone's records."""
    found: list[Found] = []
    for zone in ask_all("route53", "list_hosted_zones", "HostedZones", patience=PATIENCE):
        name = str(zone["Name"]).rstrip(".")
        found.append(Found("zone", zone["Id"].rpartition("/")[2], name, {"private": zone.get("Config", {}).get("PrivateZone", False)}))
        records = ask_all("route53", "list_resource_record_sets", "ResourceRecordSets", patience=PATIENCE, HostedZoneId=zone["Id"])
        found += [_record(name, raw) for raw in records if raw["Type"] not in ("NS", "SOA")]
    return found


def _record(zone: str, raw: dict[str, Any]) -> Found:
    name = str(raw["Name"]).rstrip(".")
    values = [each["Value"] for each in raw.get("ResourceRecords", ())]
    alias = str(raw.get("AliasTarget", {}).get("DNSName", "")).rstrip(".")
    return Found("record", f"{zone} {name} {raw['Type']}", name, {"zone": zone, "type": raw["Type"], "values": values, "alias": alias})


def domains() -> list[Found]:
    """Registered with AWS; the service is in us-east-1 alone."""
    found = ask("route53domains@us-east-1", "list_domains", patience=PATIENCE)["Domains"]
    return [
        Found(
            "domain", raw["DomainName"], raw["DomainName"], {"auto_renew": raw.get("AutoRenew", False), "ends": raw["Expiry"].isoformat()}
        )
        for raw in found
    ]
