"""S3: put a file, look at an object, read a small one. Every object that we put carries its sha256 in its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from remote.aws.faults import translated
from remote.aws.session import Patience, ask, client
from remote.errors import NotFound, Refused

MIB = 1024 * 1024
# Above 32 MiB a file goes in parts, four at a time. Memory is bounded by the parts under way.
_TRANSFER = TransferConfig(multipart_threshold=32 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4)
_PATIENCE = Patience(connect=3.0, read=30.0)


@dataclass(frozen=True, slots=True)
class Object:
    """`sha256` is our own metadata, empty where somebody else put the object; `version_id` is empty without versioning."""

    bucket: str
    key: str
    size: int
    sha256: str
    modified: datetime
    version_id: str


def put(bucket: str, key: str, path: Path, sha256: str, progress: Callable[[int], object] | None = None) -> Object:
    """Uploads the file and returns what is there afterwards. Parts are sent again where one stumbles: the bytes are the same.

    `progress` is told the number of bytes sent since it was last told, from several threads.
    """
    s3 = client("s3", patience=_PATIENCE)
    with translated(f"uploading {path.name} to s3://{bucket}/{key}"):
        s3.upload_file(str(path), bucket, key, ExtraArgs={"Metadata": {"sha256": sha256}}, Config=_TRANSFER, Callback=progress)
    found = head(bucket, key)
    if found is None:
        raise NotFound(f"s3://{bucket}/{key} is not there after its upload", "Check the bucket's lifecycle rules, then upload again.")
    return found


def head(bucket: str, key: str, *, patience: Patience | None = None) -> Object | None:
    """None where there is no such object."""
    try:
        answer = ask("s3", "head_object", patience=patience, Bucket=bucket, Key=key)
    except NotFound:
        return None
    return _object(bucket, key, answer)


def get(bucket: str, key: str, *, limit: int = 16 * MIB) -> bytes:
    """The whole of a small object. Raises NotFound, and Refused where it is larger than `limit` bytes."""
    doing = f"reading s3://{bucket}/{key}"
    answer = ask("s3", "get_object", Bucket=bucket, Key=key)
    with translated(doing), answer["Body"] as body:
        if answer["ContentLength"] > limit:
            raise Refused(
                f"{doing}: it has {answer['ContentLength']} bytes, the limit is {limit}", "Check that the key names the right object."
            )
        read: bytes = body.read()
    return read


def _object(bucket: str, key: str, answer: dict[str, Any]) -> Object:
    return Object(
        bucket=bucket,
        key=key,
        size=answer["ContentLength"],
        sha256=answer.get("Metadata", {}).get("sha256", ""),
        modified=answer["LastModified"],
        version_id=answer.get("VersionId", ""),
    )
