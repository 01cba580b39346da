"""S3, as the other services see it: moto's buckets, without the wire."""

from __future__ import annotations

from typing import Any

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from sandbox.world import ACCOUNT, REGION

BEANSTALK_BUCKET = f"elasticbeanstalk-{REGION}-{ACCOUNT}"
CONFIG_BUCKET = "client-magento-config"
BUCKETS = (
    BEANSTALK_BUCKET,
    CONFIG_BUCKET,
    "client-billing",
    "client-magento-elb-logs",
    "client-temp-storage",
    "client-terraform-remote-state-storage",
)


class Storage:
    @property
    def _backend(self) -> Any:
        return s3_backends[ACCOUNT]["aws"]

    def has(self, bucket: str, key: str) -> bool:
        try:
            return self._backend.get_object(bucket, key) is not None
        except MissingBucket:
            return False

    def read(self, bucket: str, key: str) -> bytes:
        """Raises KeyError where the object has gone."""
        found = self._backend.get_object(bucket, key)
        if found is None:
            raise KeyError(f"s3://{bucket}/{key}")
        content: bytes = found.value
        return content

    def write(self, bucket: str, key: str, content: bytes) -> None:
        self._backend.put_object(bucket, key, content)

    def remove(self, bucket: str, key: str) -> None:
        self._backend.delete_object(bucket, key)
