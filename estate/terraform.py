"""Terraform's state, version 4: what it says of the resources that Terraform made, and nothing secret.

A state holds passwords in the clear. Only white-listed attributes leave this module; the text itself is never stored, logged or shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from remote.aws.found import Found

LARGEST = 64 * 1024 * 1024  # bytes; a state beyond that is refused before it is read
_MOST = 20_000  # instances
_LONGEST = 300  # characters of one value

# type -> the attributes that are kept; of every other type only its address
KEPT: Mapping[str, tuple[str, ...]] = {
    "aws_instance": ("id", "ami", "instance_type", "availability_zone", "subnet_id", "private_ip", "public_ip"),
    "aws_eip": ("id", "public_ip", "instance"),
    "aws_ebs_volume": ("id", "size", "type", "availability_zone", "encrypted"),
    "aws_volume_attachment": ("device_name", "instance_id", "volume_id"),
    "aws_vpc": ("id", "cidr_block"),
    "aws_subnet": ("id", "cidr_block", "availability_zone"),
    "aws_nat_gateway": ("id", "subnet_id", "public_ip"),
    "aws_internet_gateway": ("id", "vpc_id"),
    "aws_security_group": ("id", "name", "vpc_id"),
    "aws_lb": ("arn", "name", "dns_name"),
    "aws_db_instance": ("id", "identifier", "engine", "instance_class", "multi_az", "backup_retention_period"),
    "aws_elasticache_replication_group": ("id", "node_type", "automatic_failover_enabled"),
    "aws_vpn_connection": ("id", "tunnel1_address", "tunnel2_address", "type"),
    "aws_route53_zone": ("zone_id", "name"),
    "aws_route53_record": ("zone_id", "name", "type"),
    "aws_s3_bucket": ("id", "arn"),
    "aws_cloudfront_distribution": ("id", "domain_name"),
    "aws_acm_certificate": ("arn", "domain_name"),
}


class BadState(ValueError):
    """The text names what is wrong with it."""


def read(content: bytes, *, where: str) -> list[Found]:
    """The state itself (kind `terraform-state`) and each managed resource (kind `terraform`). Raises BadState."""
    state = _parsed(content, where)
    found = [_resource(where, address, type_, kept) for address, type_, kept in _instances(state, where)]
    facts = {
        "serial": int(state.get("serial", 0)),
        "lineage": _short(state.get("lineage", "")),
        "terraform": _short(state.get("terraform_version", "")),
        "resources": len(found),
    }
    return [Found("terraform-state", where, where, facts), *found]


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    if len(content) > LARGEST:
        raise BadState(f"{where} has {len(content)} bytes; a state of more than {LARGEST} is not read.")
    try:
        state = json.loads(content)
    except (ValueError, RecursionError):
        # The parser's own words quote the text around the fault: they stay here, for a secret may stand there.
        raise BadState(f"{where} is no whole JSON: it may be truncated. Look at its earlier versions in the bucket.") from None
    if not isinstance(state, dict) or not isinstance(state.get("version"), int):
        raise BadState(f"{where} is no Terraform state: it has no version.")
    if state["version"] != 4:
        raise BadState(
            f"{where} is of version {state['version']}; only version 4 is read. Run `terraform init` with Terraform ≥ 0.12 once."
        )
    if not isinstance(state.get("resources", []), list) or not isinstance(state.get("serial", 0), int):
        raise BadState(f"{where} is no whole state: its resources are no list, or its serial is no number.")
    return state


def _instances(state: Mapping[str, Any], where: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    count = 0
    for resource in state.get("resources", ()):
        if not isinstance(resource, dict) or resource.get("mode") != "managed":
            continue
        type_, name, module = (_short(resource.get(each, "")) for each in ("type", "name", "module"))
        for instance in resource.get("instances") or ():
            if not isinstance(instance, dict) or instance.get("deposed"):
                continue
            count += 1
            if count > _MOST:
                raise BadState(f"{where} has more than {_MOST} resources.")
            index = instance.get("index_key")
            address = f"{module + '.' if module else ''}{type_}.{name}{'' if index is None else f'[{_short(index)}]'}"
            yield address, type_, _kept(type_, instance)


def _kept(type_: str, instance: Mapping[str, Any]) -> dict[str, Any]:
    attributes = instance.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    kept = {name: _plain(attributes[name]) for name in KEPT.get(type_, ()) if isinstance(attributes.get(name), str | int | float | bool)}
    if type_ == "aws_instance" and isinstance(attributes.get("user_data"), str):
        kept["user_data_sha256"] = hashlib.sha256(attributes["user_data"].encode()).hexdigest()
    if instance.get("status") == "tainted":
        kept["tainted"] = True
    return kept


def _resource(where: str, address: str, type_: str, kept: dict[str, Any]) -> Found:
    """Two states may well have something of the same address."""
    return Found("terraform", f"{where}#{address}", address, {"type": type_, **kept}, was=address)


def _plain(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value


def _short(value: object) -> str:
    return str(value)[:_LONGEST]
