"""The folder where finished bundles stand: the archive, its manifest, and an index with which the next one is made from it.

A bundle appears under its name only when it is whole. Nothing here is the truth about a release: the folder may be emptied at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

KEPT = 6
ABANDONED_AFTER = 3600.0  # seconds


@dataclass(frozen=True)
class Facts:
    """What an archive was made of, and how to know it again. `laid` maps each path over Magento's tree to "mode sha"."""

    codec: str
    magento_commit: str
    config_commit: str
    edits: str
    size: int
    sha256: str
    central_at: int
    central_size: int
    unpacked: int
    links: int
    executables: int
    laid: dict[str, str]
    findings: list[tuple[str, str]]


@dataclass(frozen=True)
class Index:
    """`local_sizes` and `central_sizes`: the bytes of each file in the archive and in its directory, in order."""

    facts: Facts
    local_sizes: array[int]
    central_sizes: array[int]


class Shelf:
    """Bundles by name, the newest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def archive(self, name: str) -> Path:
        return self.folder / f"{name}.zip"

    def manifest(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def names(self) -> list[str]:
        """Whole bundles, the one made last first."""
        made = [(path.stat().st_mtime_ns, path.stem) for path in self.folder.glob("*.index")]
        return [name for _, name in sorted(made, reverse=True)]

    def index(self, name: str) -> Index | None:
        """The index of a bundle whose archive is still the one that was written; None where either is gone or damaged."""
        try:
            with (self.folder / f"{name}.index").open("rb") as file:
                head: dict[str, Any] = json.loads(file.readline())
                facts = Facts(**head["facts"] | {"findings": [(rule, path) for rule, path in head["facts"]["findings"]]})
                local, central = array("I"), array("I")
                local.fromfile(file, head["files"])
                central.fromfile(file, head["files"])
            if _print_of(self.archive(name)) != head["print"] and sha256_of(self.archive(name)) != facts.sha256:
                return None
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return None
        return Index(facts, local, central)

    @contextmanager
    def writing(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A file to write an archive into; it is gone afterwards unless it was put on the shelf."""
        path = self.folder / f".part-{os.getpid()}-{time.monotonic_ns()}"
        try:
            with path.open("w+b", buffering=0) as file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def put(self, name: str, part: Path, index: Index, manifest: str) -> None:
        """The archive first, the index last: whoever finds the index finds all."""
        part.replace(self.archive(name))
        self._write(self.manifest(name), manifest.encode())
        head = {"facts": asdict(index.facts), "files": len(index.local_sizes), "print": _print_of(self.archive(name))}
        body = json.dumps(head).encode() + b"\n" + index.local_sizes.tobytes() + index.central_sizes.tobytes()
        self._write(self.folder / f"{name}.index", body)

    def tidy(self) -> None:
        """Make room for one more: remove all but the newest bundles, and parts that a killed process left."""
        for name in self.names()[KEPT - 1 :]:
            for suffix in ("index", "json", "zip"):
                (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)
        for part in self.folder.glob(".part-*"):
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER:
                part.unlink(missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        part = self.folder / f".part-{os.getpid()}-{time.monotonic_ns()}"
        part.write_bytes(content)
        part.replace(path)


def sha256_of(path: Path) -> str:
    """Of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _print_of(path: Path) -> list[object]:
    """Cheap to compare: equal means that the file was not touched since it was written, in this run of the machine.

    After a restart the machine may have lost what was not on its disk yet, so the file is read and hashed once more.
    """
    facts = path.stat()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = f"unknown-{time.time_ns()}"
    return [facts.st_size, facts.st_mtime_ns, facts.st_ino, boot]
