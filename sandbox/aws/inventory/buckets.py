"""What lies in the six buckets besides secrets and bundles: bills, access logs, temporary archives; and how they are kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from moto.s3.models import s3_backends

from sandbox.aws import seed
from sandbox.aws.storage import BUCKETS, CONFIG_BUCKET
from sandbox.world import ACCOUNT, REGION

BILLING, LOGS, TEMPORARY, STATE = (
    "client-billing",
    "client-magento-elb-logs",
    "client-temp-storage",
    "client-terraform-remote-state-storage",
)
TRACKIT = "276185124316"  # the account that analyses the bills
# bucket, key, days old
OBJECTS = (
    (BILLING, "client/2026-10/client-billing.csv.gz", 25),
    (BILLING, "client/2026-11/client-billing.csv.gz", 0),
    (LOGS, f"AWSLogs/{ACCOUNT}/elasticloadbalancing/{REGION}/alb.log.gz", 0),
    (TEMPORARY, "media-before-move.tar.gz", 4),
)


def fill(endpoint: str) -> None:
    s3 = seed.client("s3", endpoint)
    for bucket in BUCKETS:
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        )
    for bucket in (CONFIG_BUCKET, STATE):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=BILLING, Policy=_readable_by(TRACKIT, BILLING))
    now = datetime.now(UTC)
    for bucket, key, days in OBJECTS:
        s3.put_object(Bucket=bucket, Key=key, Body=b"sandbox\n")
        found = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
        if found is not None:
            found.last_modified = (now - timedelta(days=days)).replace(tzinfo=None)


def _readable_by(account: str, bucket: str) -> str:
    statement = {
        "Sid": "Trackit",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
