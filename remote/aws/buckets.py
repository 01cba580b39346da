"""S3 buckets as a whole: whether anybody outside can read them, how they are kept, how old what lies in them is. Reading only.

Whether a bucket is public is proven by four answers; one that is denied makes it unknown, never safe.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from remote.aws.found import PATIENCE, Found
from remote.aws.session import ask
from remote.errors import NotFound, RemoteError

_OPEN = ("http://acs.amazonaws.com/groups/global/AllUsers", "http://acs.amazonaws.com/groups/global/AuthenticatedUsers")
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_LOOKED_AT = 1000  # objects; a bucket with more says so


def buckets(only: Collection[str] = ()) -> list[Found]:
    """All of them, or those of these names."""
    names = [str(raw["Name"]) for raw in ask("s3", "list_buckets", patience=PATIENCE)["Buckets"]]
    return [_bucket(name) for name in names if not only or name in only]


def _bucket(name: str) -> Found:
    facts: dict[str, Any] = {}
    for part in (_exposure, _keeping, _content):
        try:
            facts |= part(name)
        except RemoteError as error:
            facts["unknown"] = f"{facts.get('unknown', '')} {error}".strip()
    return Found("bucket", name, name, facts)


def _exposure(name: str) -> dict[str, Any]:
    """`public`: yes, no; absent where an answer was denied."""
    block = _answer("get_public_access_block", "PublicAccessBlockConfiguration", name)
    blocked = all(block.get(each, False) for each in _BLOCKS)
    policy = bool(_answer("get_bucket_policy_status", "PolicyStatus", name).get("IsPublic", False))
    grants = ask("s3", "get_bucket_acl", patience=PATIENCE, Bucket=name).get("Grants", ())
    listed = any(grant.get("Grantee", {}).get("URI") in _OPEN for grant in grants)
    open_ = not blocked and (policy or (listed and not block.get("IgnorePublicAcls", False)))
    return {"public": "yes" if open_ else "no", "blocked": blocked, "readers": _readers(name)}


def _readers(name: str) -> list[str]:
    """Other accounts that the policy names."""
    try:
        policy = str(ask("s3", "get_bucket_policy", patience=PATIENCE, Bucket=name)["Policy"])
    except NotFound:
        return []
    return sorted(set(_accounts(policy)))


def _accounts(policy: str) -> list[str]:
    return [part[:12] for part in policy.split("arn:aws:iam::")[1:] if part[:12].isdigit()]


def _keeping(name: str) -> dict[str, Any]:
    versioning = ask("s3", "get_bucket_versioning", patience=PATIENCE, Bucket=name).get("Status", "")
    return {"versioned": versioning == "Enabled"}


def _content(name: str) -> dict[str, Any]:
    found = ask("s3", "list_objects_v2", patience=PATIENCE, Bucket=name, MaxKeys=_LOOKED_AT)
    objects = found.get("Contents", ())
    times: list[datetime] = sorted(each["LastModified"] for each in objects)
    return {
        "objects": len(objects),
        "more": bool(found.get("IsTruncated")),
        "bytes": sum(each["Size"] for each in objects),
        "oldest": times[0].isoformat() if times else "",
        "newest": times[-1].isoformat() if times else "",
        "keys": sorted(each["Key"] for each in objects)[:50],
    }


def _answer(operation: str, member: str, name: str) -> dict[str, Any]:
    """Empty where nothing was ever set."""
    try:
        answer: dict[str, Any] = ask("s3", operation, patience=PATIENCE, Bucket=name).get(member, {})
    except NotFound:
        return {}
    return answer
