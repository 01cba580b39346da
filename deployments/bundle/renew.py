"""A new archive from the one before: unchanged files are copied in long runs inside the kernel, only changed ones are deflated.

The outcome is the same, byte for byte, as packing everything anew; `tests/deployments/test_bundle_renew.py` holds it to that.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import queue
import threading
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Self

from deployments.bundle.archive import CENTRAL, CENTRAL_SIZE_AT, attributes
from deployments.bundle.pack import Packed
from deployments.bundle.shelf import Index

NOT_POSSIBLE_HERE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
LINK_ATTRIBUTES, EXECUTABLE_ATTRIBUTES = attributes("120000"), attributes("100755")


@dataclass(frozen=True)
class Span:
    """Bytes of the old archive."""

    start: int
    end: int


@dataclass
class Renewal:
    """The new archive as pieces of the old one and new bytes, and its directory without offsets."""

    pieces: list[Span | bytes] = field(default_factory=list)
    central: bytearray = field(default_factory=bytearray)
    local_sizes: array[int] = field(default_factory=lambda: array("I"))
    central_sizes: array[int] = field(default_factory=lambda: array("I"))
    unpacked: int = 0
    links: int = 0
    executables: int = 0


class Directory:
    """The central directory of an archive: where each path is, found by halving."""

    def __init__(self, archive: Path, index: Index) -> None:
        with archive.open("rb") as file:
            self.records = os.pread(file.fileno(), index.facts.central_size, index.facts.central_at)
        self.positions = list(accumulate(index.central_sizes, initial=0))
        self.offsets = list(accumulate(index.local_sizes, initial=0))

    def find(self, path: bytes) -> tuple[int, bool]:
        """The place of a path among the others, and whether it stands there."""
        count = len(self.positions) - 1
        at = bisect_left(range(count), path, key=self.path)
        return at, at < count and self.path(at) == path

    def path(self, at: int) -> bytes:
        return self.records[self.positions[at] + CENTRAL.size : self.positions[at + 1]]

    def facts(self, at: int) -> tuple[int, int]:
        """The size after unpacking, and the attributes."""
        size, mode = CENTRAL_SIZE_AT.unpack_from(self.records, self.positions[at])
        return size, mode


def renew(archive: Path, index: Index, changed: Mapping[bytes, Packed | None]) -> Renewal:
    """The archive with some files packed anew, and without those that are None."""
    old, new = Directory(archive, index), Renewal()
    new.unpacked, new.links, new.executables = index.facts.unpacked, index.facts.links, index.facts.executables
    reached = 0

    def keep(until: int) -> None:
        if until > reached:
            new.pieces.append(Span(old.offsets[reached], old.offsets[until]))
            new.central += memoryview(old.records)[old.positions[reached] : old.positions[until]]
            new.local_sizes.extend(index.local_sizes[reached:until])
            new.central_sizes.extend(index.central_sizes[reached:until])

    for path in sorted(changed):
        at, there = old.find(path)
        keep(at)
        reached = at + there
        if there:
            _count(new, *old.facts(at), sign=-1)
        if packed := changed[path]:
            new.pieces += packed.local
            new.local_sizes.extend(packed.local_sizes)
            for central in packed.central:
                new.central += central
                new.central_sizes.append(len(central))
                _count(new, *CENTRAL_SIZE_AT.unpack_from(central), sign=1)
    keep(len(index.local_sizes))
    return new


def _count(new: Renewal, size: int, mode: int, *, sign: int) -> None:
    new.unpacked += sign * size
    new.links += sign * (mode == LINK_ATTRIBUTES)
    new.executables += sign * (mode == EXECUTABLE_ATTRIBUTES)


class Writer:
    """Writes pieces one after another: the kernel copies while a thread of its own hashes, which takes longer.

    A context manager: leaving it waits for the thread.
    """

    def __init__(self, old: int, new: int) -> None:
        self._old, self._new = old, new
        # Mapped, the old archive is hashed where the kernel keeps it, without a copy.
        self._mapped = mmap.mmap(old, 0, prot=mmap.PROT_READ)
        self._waiting: queue.SimpleQueue[Span | bytes | None] = queue.SimpleQueue()
        self._digest = hashlib.sha256()
        self._thread = threading.Thread(target=self._hash, name="bundle-sha256", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._mapped.close()

    def write(self, pieces: Iterable[Span | bytes]) -> None:
        """All of them, in order."""
        new: list[bytes] = []
        for piece in pieces:
            self._waiting.put(piece)
            if isinstance(piece, bytes):
                new.append(piece)
            else:
                self._write(new)
                self._copy(piece)
                new = []
        self._write(new)

    def sha256(self) -> str:
        """Of all that was written; asked after the `with`."""
        return self._digest.hexdigest()

    def _hash(self) -> None:
        with memoryview(self._mapped) as view:
            while (piece := self._waiting.get()) is not None:
                self._digest.update(piece if isinstance(piece, bytes) else view[piece.start : piece.end])

    def _copy(self, span: Span) -> None:
        at = span.start
        while at < span.end:
            try:
                copied = os.copy_file_range(self._old, self._new, span.end - at, offset_src=at)
            except OSError as wrong:
                if wrong.errno not in NOT_POSSIBLE_HERE:
                    raise
                copied = os.sendfile(self._new, self._old, at, span.end - at)
            if not copied:
                raise OSError(errno.EIO, "The archive before ended early")
            at += copied

    def _write(self, parts: list[bytes]) -> None:
        rest = memoryview(b"".join(parts))
        while rest:
            rest = rest[os.write(self._new, rest) :]
