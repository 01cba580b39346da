"""The story of a build: lay the configuration over Magento's tree, refuse what is harmful, renew the last archive or pack anew."""

from __future__ import annotations

import hashlib
import threading
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from deployments.bundle.archive import codec, ending, set_offsets
from deployments.bundle.checks import BundleRefused, Finding, Limits, check_names, look_at_names
from deployments.bundle.edits import Edits
from deployments.bundle.manifest import Manifest, evidence
from deployments.bundle.overlay import LINK, Configuration, Overlay, lay_over
from deployments.bundle.pack import Item, Packed, pack, pack_few
from deployments.bundle.renew import Writer, renew
from deployments.bundle.shelf import Facts, Index, Shelf, sha256_of
from remote.errors import NotFound
from remote.git import Change, Mirror

WORTH_RENEWING = 5_000  # changed files; above, packing anew on several cores is as fast
SUBMODULE = "160000"


@dataclass(frozen=True)
class Sources:
    """Both repositories at pinned commits. `accepted`: paths whose findings somebody took responsibility for; they stay named.

    `config_prefix`: the directory of the configuration that is laid over the code; "" is all of it.
    """

    magento: Mirror
    magento_commit: str
    config: Mirror
    config_commit: str
    edits: Edits = field(default_factory=Edits)
    accepted: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    config_prefix: str = ""

    @property
    def name(self) -> str:
        """Derived from all that the bytes depend on: a release is found again by what it is made of, and another deflate takes no place."""
        directory = f"-{self.config_prefix.replace('/', '-')}" if self.config_prefix else ""
        return f"{self.magento_commit[:12]}-{self.config_commit[:12]}-{self.edits.digest[:8]}{directory}-{codec()}"


@dataclass(frozen=True)
class Bundle:
    """A finished archive. `size` is in bytes; `key` is its place in the bucket; `renewed` tells whether an earlier archive helped."""

    path: Path
    sha256: str
    size: int
    files: int
    key: str
    manifest: Manifest
    renewed: bool = False


@dataclass(frozen=True)
class Made:
    """What both ways of making an archive tell about it."""

    index: Index
    renewed: bool


def build(sources: Sources, store: Path) -> Bundle:
    """The archive of these commits and edits: found in `store`, renewed from the one before, or packed anew; each time the same bytes.

    Both commits are in the mirrors already. Raises `BundleRefused` with the path that is to blame, `NotFound` where a commit has vanished.
    """
    shelf = Shelf(store)
    machine = codec()
    if found := _found(shelf, sources, machine):
        return found
    # Freeing a large file takes as long as several gits: it may happen while they run.
    tidying = threading.Thread(target=shelf.tidy, name="bundle-tidy", daemon=True)
    tidying.start()
    overlay = preview(sources)
    with shelf.writing() as (file, part):
        made = _renew_the_last(shelf, sources, overlay, machine, file) or _pack_anew(sources, overlay, machine, file)
        facts = made.index.facts
        sources.limits.check_archive(facts.size)
        manifest = _describe(sources, overlay, made.index)
        shelf.put(sources.name, part, made.index, manifest.to_json())
    tidying.join()
    return _bundle(shelf, sources, made.index, manifest, renewed=made.renewed)


def preview(sources: Sources) -> Overlay:
    """What the configuration and the edits will change, without building: diffs, replaced paths, modules."""
    try:
        config = Configuration(sources.config, sources.config_commit, sources.config_prefix)
        return lay_over(sources.magento, sources.magento_commit, config, sources.edits, sources.limits)
    except NotFound:
        check_commits(sources)
        raise


def check_commits(sources: Sources) -> None:
    """Raises `NotFound` where a pinned commit is not in its mirror."""
    for mirror, commit in ((sources.magento, sources.magento_commit), (sources.config, sources.config_commit)):
        if not mirror.has(commit):
            raise NotFound(
                f"The commit {commit[:12]} is not in the mirror of {mirror.url}",
                "It may have vanished by a forced push. Fetch again, or choose a commit that exists.",
            )


def _found(shelf: Shelf, sources: Sources, machine: str) -> Bundle | None:
    index = shelf.index(sources.name)
    if index is None or index.facts.codec != machine or not _made_from(index.facts, sources):
        return None
    if sha256_of(shelf.archive(sources.name)) != index.facts.sha256:
        return None
    try:
        manifest = Manifest.from_json(shelf.manifest(sources.name).read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    looked = evidence(index.facts.findings, sources.accepted, manifest.files)
    return _bundle(shelf, sources, index, replace(manifest, evidence=looked), renewed=False)


def _made_from(facts: Facts, sources: Sources) -> bool:
    return (facts.magento_commit, facts.config_commit, facts.edits) == (sources.magento_commit, sources.config_commit, sources.edits.digest)


def _bundle(shelf: Shelf, sources: Sources, index: Index, manifest: Manifest, *, renewed: bool) -> Bundle:
    facts = index.facts
    return Bundle(
        shelf.archive(sources.name), facts.sha256, facts.size, len(index.local_sizes), f"bundles/{sources.name}.zip", manifest, renewed
    )


def _describe(sources: Sources, overlay: Overlay, index: Index) -> Manifest:
    facts, files = index.facts, len(index.local_sizes)
    return Manifest(
        magento_commit=sources.magento_commit,
        config_commit=sources.config_commit,
        edits=sources.edits.digest,
        files=files,
        bytes=facts.unpacked,
        links=facts.links,
        executables=facts.executables,
        replaced=overlay.replaced,
        edited=overlay.edited,
        missing=overlay.missing,
        modules=overlay.modules,
        evidence=evidence(facts.findings, sources.accepted, files),
    )


# Packing anew


def _pack_anew(sources: Sources, overlay: Overlay, machine: str, file: BinaryIO) -> Made:
    items = _items(sources.magento.listing(sources.magento_commit), overlay)
    sources.limits.check_counts(len(items), 0)
    paths = [item.path for item in items]
    check_names(paths, sources.limits)
    findings = look_at_names(paths)
    digest, size, unpacked = hashlib.sha256(), 0, 0
    central = bytearray()
    local_sizes, central_sizes = array("I"), array("I")
    for packed in pack(items, overlay.files, sources.magento, largest=sources.limits.file_bytes):
        local = b"".join(packed.local)
        file.write(local)
        digest.update(local)
        size += len(local)
        unpacked += packed.unpacked
        local_sizes.extend(packed.local_sizes)
        central_sizes.extend(map(len, packed.central))
        central += b"".join(packed.central)
        findings += packed.findings
        sources.limits.check_counts(len(items), unpacked)
        sources.limits.check_archive(size)
    close = _closing(central, local_sizes, central_sizes, size)
    file.write(close)
    digest.update(close)
    modes = [item.mode for item in items]
    facts = Facts(
        codec=machine,
        magento_commit=sources.magento_commit,
        config_commit=sources.config_commit,
        edits=sources.edits.digest,
        size=size + len(close),
        sha256=digest.hexdigest(),
        central_at=size,
        central_size=len(central),
        unpacked=unpacked,
        links=modes.count(LINK),
        executables=modes.count("100755"),
        laid=_laid_ids(overlay),
        findings=sorted(findings),
    )
    return Made(Index(facts, local_sizes, central_sizes), renewed=False)


def _items(listing: bytes, overlay: Overlay) -> list[Item]:
    """Both trees as one list in the order of the paths. A line of git's is `100644 blob <sha>TAB<path>`, so fixed cuts do."""
    lines = listing.split(b"\0")[:-1]
    for line in lines:
        if line[7:11] != b"blob":
            path = line.partition(b"\t")[2].decode("utf-8", "replace")
            raise BundleRefused(f"{path} is a submodule", "A bundle is made of files alone: take the submodule out of the repository.")
    laid = {path.encode("utf-8", "surrogateescape"): above for path, above in overlay.files.items()}
    found = [Item(line[53:], line[:6].decode(), line[12:52].decode()) for line in lines if line[53:] not in laid]
    return sorted(found + [Item(path, above.mode, above.sha) for path, above in laid.items()])


def _closing(central: bytearray, local_sizes: array[int], central_sizes: array[int], central_at: int) -> bytes:
    """The directory with its offsets, and the end of the archive."""
    positions = accumulate(central_sizes[:-1], initial=0) if central_sizes else ()
    offsets = accumulate(local_sizes[:-1], initial=0) if local_sizes else ()
    set_offsets(central, positions, offsets)
    return bytes(central) + ending(len(local_sizes), len(central), central_at)


def _laid_ids(overlay: Overlay) -> dict[str, str]:
    return {path: f"{laid.mode} {laid.sha}" for path, laid in sorted(overlay.files.items())}


# Renewing


def _renew_the_last(shelf: Shelf, sources: Sources, overlay: Overlay, machine: str, file: BinaryIO) -> Made | None:
    """None where no earlier archive can help."""
    for name in shelf.names():
        index = shelf.index(name)
        if index is None or index.facts.codec != machine:
            continue
        items = _touched(index.facts, sources, overlay)
        if items is not None and len(items) <= WORTH_RENEWING:
            return _renew(shelf.archive(name), index, items, sources, overlay, file)
    return None


def _touched(facts: Facts, sources: Sources, overlay: Overlay) -> dict[bytes, Item | None] | None:
    """Each path that may differ from the earlier archive, with what stands there now; None where its commit is not in the mirror."""
    try:
        changes = {change.path: change for change in sources.magento.changes(facts.magento_commit, sources.magento_commit)}
    except NotFound:
        return None
    now, then = _laid_ids(overlay), facts.laid
    laid = {path for path in now.keys() | then.keys() if now.get(path) != then.get(path)}
    uncovered = [path for path in then if path not in now and path not in changes]
    entries = sources.magento.entries(sources.magento_commit, uncovered)
    touched: dict[bytes, Item | None] = {}
    for path in changes.keys() | laid:
        name = path.encode("utf-8", "surrogateescape")
        if above := overlay.files.get(path):
            if path in laid:
                touched[name] = Item(name, above.mode, above.sha)
        elif change := changes.get(path):
            touched[name] = _item_of(change)
        elif entry := entries.get(path):
            touched[name] = Item(name, entry.mode, entry.sha)
        else:
            touched[name] = None
    return touched


def _item_of(change: Change) -> Item | None:
    if change.mode == SUBMODULE:
        raise BundleRefused(f"{change.path} is a submodule", "A bundle is made of files alone: take the submodule out of the repository.")
    return None if change.status == "D" else Item(change.path.encode("utf-8", "surrogateescape"), change.mode, change.sha)


def _renew(archive: Path, index: Index, items: dict[bytes, Item | None], sources: Sources, overlay: Overlay, file: BinaryIO) -> Made:
    present = sorted(item for item in items.values() if item)
    paths = [item.path for item in present]
    check_names(paths, sources.limits)
    packed = dict(zip(paths, pack_few(present, overlay.files, sources.magento, largest=sources.limits.file_bytes), strict=True))
    new = renew(archive, index, {path: packed.get(path) for path in items})
    sources.limits.check_counts(len(new.local_sizes), new.unpacked)
    central_at = sum(new.local_sizes)
    sources.limits.check_archive(central_at)
    with archive.open("rb") as old, Writer(old.fileno(), file.fileno()) as writer:
        writer.write(new.pieces)
        close = _closing(new.central, new.local_sizes, new.central_sizes, central_at)
        writer.write([close])
    sha256 = writer.sha256()
    gone = {path.decode("utf-8", "surrogateescape") for path in items}
    findings = [one for one in index.facts.findings if one[1] not in gone]
    facts = replace(
        index.facts,
        magento_commit=sources.magento_commit,
        config_commit=sources.config_commit,
        edits=sources.edits.digest,
        size=central_at + len(close),
        sha256=sha256,
        central_at=central_at,
        central_size=len(new.central),
        unpacked=new.unpacked,
        links=new.links,
        executables=new.executables,
        laid=_laid_ids(overlay),
        findings=sorted([*findings, *look_at_names(paths), *_findings(packed.values())]),
    )
    return Made(Index(facts, new.local_sizes, new.central_sizes), renewed=True)


def _findings(packed: Iterable[Packed]) -> Iterator[Finding]:
    for one in packed:
        yield from one.findings
