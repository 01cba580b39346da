"""A state of Terraform with forty secrets in it, at every place where a state has any."""

from __future__ import annotations

import json
import secrets
from typing import Any

MANY = 40
KINDS = (
    "aws_db_instance",
    "random_password",
    "aws_elasticache_replication_group",
    "aws_vpn_connection",
    "aws_iam_access_key",
    "tls_private_key",
)


def resource(type_: str, name: str, attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mode": "managed", "type": type_, "name": name, "instances": [{"attributes": attributes, **more}]}


def state(*resources: Any, **more: Any) -> bytes:
    return json.dumps(
        {"version": 4, "serial": 7, "lineage": "a-b", "terraform_version": "1.5.7", "resources": list(resources), **more}
    ).encode()


def with_secrets() -> tuple[list[str], int, bytes]:
    """The secrets, how many resources it has, and the state."""
    hidden = [secrets.token_hex(12) for _ in range(MANY)]
    left = iter(hidden)
    resources = []
    for kind in KINDS:
        secret = {name: next(left) for name in ("password", "result", "auth_token", "secret")}
        resources.append(resource(kind, "x", {"id": "x", **secret, "tunnel1_preshared_key": next(left), "nested": {"deep": [next(left)]}}))
    outputs = {"password": {"value": next(left), "type": "string", "sensitive": True}}
    rest = list(left)
    resources.append(resource("aws_instance", "x", {"id": "i-1", "user_data": " ".join(rest), "tags": {"token": rest[0]}}, private=rest[1]))
    return hidden, len(resources), state(*resources, outputs=outputs)
