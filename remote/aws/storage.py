"""S3: put a file, look at an object, read a small one. Every object that we put carries its sha256 in its metadata."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from remote import observing
from remote.aws.faults import CHECK_WORLD, translated
from remote.aws.session import Patience, ask, client
from remote.errors import NotFound, Refused, Throttled, Unanswered, Unreachable

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
    observing.refuse(f"uploading {path.name}")
    s3 = client("s3", patience=_PATIENCE)
    with translated(f"uploading {path.name} to s3://{bucket}/{key}", changes=True):
        s3.upload_file(str(path), bucket, key, ExtraArgs={"Metadata": {"sha256": sha256}}, Config=_TRANSFER, Callback=progress)
    try:
        found = head(bucket, key)
    except (Throttled, Unreachable, Unanswered) as error:  # of the question alone it is certain that nothing happened
        raise Unanswered(f"uploading {path.name}: it was sent, and whether it is there could not be asked. {error}", CHECK_WORLD) from error
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


def opened(bucket: str, key: str) -> io.BufferedReader:
    """A large object, read here and there and never as a whole: for the list of files at the end of a zip. Raises NotFound."""
    found = head(bucket, key)
    if found is None:
        raise NotFound(f"s3://{bucket}/{key} is not there", "Check the bucket's lifecycle rules, and the key.")
    return io.BufferedReader(_Ranges(found), buffer_size=MIB // 4)


class _Ranges(io.RawIOBase):
    """Each read asks for just these bytes."""

    def __init__(self, found: Object) -> None:
        self._found, self._at = found, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._found.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._found.size - self._at)
        if wanted <= 0:
            return 0
        span = f"bytes={self._at}-{self._at + wanted - 1}"
        answer = ask("s3", "get_object", Bucket=self._found.bucket, Key=self._found.key, Range=span)
        with translated(f"reading s3://{self._found.bucket}/{self._found.key}"), answer["Body"] as body:
            read: bytes = body.read(wanted)
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)


def bucket_names(*, patience: Patience | None = None) -> list[str]:
    return [each["Name"] for each in ask("s3", "list_buckets", patience=patience)["Buckets"]]


def keys(bucket: str, prefix: str = "", *, limit: int = 1000, patience: Patience | None = None) -> list[str]:
    """The first ones, in the order of their names."""
    found = ask("s3", "list_objects_v2", patience=patience, Bucket=bucket, Prefix=prefix, MaxKeys=limit)
    return [each["Key"] for each in found.get("Contents", ())]


def _object(bucket: str, key: str, answer: dict[str, Any]) -> Object:
    return Object(
        bucket=bucket,
        key=key,
        size=answer["ContentLength"],
        sha256=answer.get("Metadata", {}).get("sha256", ""),
        modified=answer["LastModified"],
        version_id=answer.get("VersionId", ""),
    )
