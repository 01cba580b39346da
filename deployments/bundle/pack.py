"""Packing every file anew: git reads, several threads deflate, one writes and hashes in the order of the paths.

Each thread takes every n-th part of the list through a git of its own. Git decodes in its process, and libdeflate works without holding
Python's lock, so the cores are busy. A bounded queue for each thread keeps memory flat.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from deployments.bundle.archive import record
from deployments.bundle.checks import Finding, check_link, look_into
from deployments.bundle.overlay import LINK, Laid
from remote.git import Mirror

PART = 256  # files
AHEAD = 4  # parts that a thread may be ahead of the writer
THREADS = min(4, max(2, os.cpu_count() or 2))


class Item(NamedTuple):
    """One file of the bundle."""

    path: bytes
    mode: str
    sha: str


@dataclass
class Packed:
    """Files made ready to be written: their bytes, their central records, and the size of each in both."""

    local: list[bytes] = field(default_factory=list)
    central: list[bytes] = field(default_factory=list)
    local_sizes: list[int] = field(default_factory=list)
    unpacked: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, item: Item, content: bytes) -> None:
        """Check, look, deflate. Raises `BundleRefused` for a link that leaves the tree."""
        if item.mode == LINK:
            check_link(item.path.decode(), content)
        self.findings += look_into(item.path, content)
        header, kept, central = record(item.path, item.mode, item.sha, content)
        self.local += (header, kept)
        self.local_sizes.append(len(header) + len(kept))
        self.central.append(central)
        self.unpacked += len(content)


def pack(items: Sequence[Item], laid: Mapping[str, Laid], magento: Mirror, *, largest: int) -> Iterator[Packed]:
    """All files in order, part by part. What a thread raises is raised here."""
    parts = [items[at : at + PART] for at in range(0, len(items), PART)]
    threads = min(THREADS, len(parts)) or 1
    lines = [_Line(parts[n::threads], laid, magento, largest) for n in range(threads)]
    try:
        for n in range(len(parts)):
            yield lines[n % threads].next()
    finally:
        for line in lines:
            line.end()


def pack_few(items: Sequence[Item], laid: Mapping[str, Laid], magento: Mirror, *, largest: int) -> Iterator[Packed]:
    """The same, each file by itself, without threads: for the few files of a commit."""
    names = [item.sha for item in items if item.path.decode() not in laid]
    with magento.objects(names, largest=largest) as stream:
        contents = iter(stream)
        for item in items:
            above = laid.get(item.path.decode())
            packed = Packed()
            packed.add(item, above.content if above else next(contents)[1])
            yield packed


class _Line:
    """One thread with its git and its queue."""

    def __init__(self, parts: Sequence[Sequence[Item]], laid: Mapping[str, Laid], magento: Mirror, largest: int) -> None:
        self._parts, self._laid, self._magento, self._largest = parts, laid, magento, largest
        self._ready: queue.Queue[Packed | BaseException] = queue.Queue(AHEAD)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="bundle", daemon=True)
        self._thread.start()

    def next(self) -> Packed:
        packed = self._ready.get()
        if isinstance(packed, BaseException):
            raise packed
        return packed

    def end(self) -> None:
        """Stop it wherever it is, and wait until it has gone."""
        self._ended.set()
        while self._thread.is_alive():
            try:
                self._ready.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _work(self) -> None:
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - handed to the one who asks for the next part
            self._ready.put(error)

    def _run(self) -> None:
        laid = {path.encode(): above.content for path, above in self._laid.items()}
        names = [item.sha for part in self._parts for item in part if item.path not in laid]
        with self._magento.objects(names, largest=self._largest) as stream:
            contents = iter(stream)
            for part in self._parts:
                packed = Packed()
                for item in part:
                    above = laid.get(item.path)
                    packed.add(item, above if above is not None else next(contents)[1])
                if self._ended.is_set():
                    return
                self._ready.put(packed)
