"""Access keys: one that IAM gives out (`aws iam create-access-key --user-name ops-console`) counts as long as it is active.

A word that does not begin like such a key is anybody's, as README.md says. Signatures are not checked.
"""

from __future__ import annotations

from moto.iam.models import iam_backends

from sandbox.aws.identity import USER
from sandbox.world import ACCOUNT

GIVEN_OUT = "AKIA"


def prepare() -> None:
    """There is one user who may have keys; before the first request."""
    iam_backends[ACCOUNT]["aws"].create_user(region_name="aws", user_name=USER)


def is_refused(key: str) -> bool:
    """It was made inactive or deleted, or IAM has never given it out."""
    if not key.startswith(GIVEN_OUT):
        return False
    known = iam_backends[ACCOUNT]["aws"].access_keys.get(key)
    return known is None or known.status != "Active"


def refusal(service: str, *, as_json: bool) -> tuple[int, str, str]:
    """Status, code and message: each kind of service has words of its own for it."""
    if service == "s3":
        return 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    if service == "ec2":
        return 401, "AuthFailure", "AWS was not able to validate the provided access credentials"
    if as_json:
        return 400, "UnrecognizedClientException", "The security token included in the request is invalid."
    return 403, "InvalidClientTokenId", "The security token included in the request is invalid."
