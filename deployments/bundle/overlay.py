"""What lies over Magento's tree in the bundle: the configuration's files, then the edited ones.

The configuration is small, so its contents are simply held; Magento's 75,000 files are not looked at here but for the paths that meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from deployments.bundle.checks import BundleRefused, Limits, check_link
from deployments.bundle.edits import Edits, difference
from deployments.bundle.manifest import Edited
from deployments.bundle.modules import CONFIG_FILE, parse_modules
from remote.git import Entry, Mirror

LINK = "120000"
REGULAR = ("100644", "100755", "100664")


@dataclass(frozen=True)
class Laid:
    """One file that does not come from Magento's tree as it is."""

    mode: str
    content: bytes

    @property
    def sha(self) -> str:
        """The id that git gives to this content."""
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Overlay:
    """`replaced`: in both repositories with different content (the configuration's is taken). `missing`: to be edited, but in neither."""

    files: dict[str, Laid]
    replaced: tuple[str, ...]
    edited: tuple[Edited, ...]
    missing: tuple[str, ...]
    modules: dict[str, bool]


@dataclass(frozen=True)
class Configuration:
    """A repository at a commit, or one directory of it: then paths begin there."""

    mirror: Mirror
    commit: str
    prefix: str = ""

    def tree(self) -> list[Entry]:
        """Raises `BundleRefused` where the directory is not there."""
        entries = self.mirror.tree(self.commit, sizes=True)
        if not self.prefix:
            return entries
        start = f"{self.prefix}/"
        found = [entry._replace(path=entry.path.removeprefix(start)) for entry in entries if entry.path.startswith(start)]
        if not found:
            raise BundleRefused(
                f"The configuration has no directory “{self.prefix}” at {self.commit[:7]}", "Choose its branch, or correct estate.yaml."
            )
        return found


def lay_over(magento: Mirror, magento_commit: str, config: Configuration, edits: Edits, limits: Limits) -> Overlay:
    """The same answer for the same commits and edits. Raises `BundleRefused` where the two trees cannot stand together."""
    wanted = _files_of(config.tree(), limits)
    files = {
        entry.path: Laid(entry.mode, content)
        for entry, content in zip(wanted, _contents(config.mirror, [entry.sha for entry in wanted], limits), strict=True)
    }
    for path, laid in files.items():
        if laid.mode == LINK:
            check_link(path, laid.content)
    there = magento.entries(magento_commit, sorted(files.keys() | _parents(files) | {*edits.files, CONFIG_FILE}))
    _check_they_fit(files, there)
    replaced = tuple(sorted(path for path, laid in files.items() if path in there and there[path].sha != laid.sha))
    below = [entry for path, entry in there.items() if path in (*edits.files, CONFIG_FILE) and path not in files and entry.mode in REGULAR]
    originals = {
        entry.path: Laid(entry.mode, content)
        for entry, content in zip(below, _contents(magento, [entry.sha for entry in below], limits), strict=True)
    }
    edited, missing = [], []
    for path in dict.fromkeys(edits.files):
        before = files.get(path) or originals.get(path)
        if before is None and path not in there:
            missing.append(path)
        elif before is None or before.mode not in REGULAR:
            raise BundleRefused(f"{path} is to be edited, but it is a link or a folder", "Make it a file in the repository.")
        else:
            after = edits.apply(path, before.content)
            files[path] = Laid(before.mode, after)
            edited.append(Edited(path, difference(path, before.content, after)))
    listed = files.get(CONFIG_FILE) or originals.get(CONFIG_FILE)
    return Overlay(files, replaced, tuple(edited), tuple(missing), parse_modules(listed.content) if listed else {})


def _files_of(tree: list[Entry], limits: Limits) -> list[Entry]:
    for entry in tree:
        if entry.type != "blob":
            raise BundleRefused(
                f"{entry.path} in the configuration is a submodule", "A bundle is made of files alone: take the submodule out."
            )
    size = sum(entry.size or 0 for entry in tree)
    if size > limits.config_bytes:
        raise BundleRefused(f"The configuration has {size:,} bytes, more than {limits.config_bytes:,}", "Is this the right repository?")
    return tree


def _contents(mirror: Mirror, shas: list[str], limits: Limits) -> list[bytes]:
    if not shas:
        return []
    with mirror.objects(shas, largest=limits.file_bytes) as stream:
        return [content for _, content in stream]


def _parents(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in found:
                break
            found.add(path)
    return found


def _check_they_fit(files: dict[str, Laid], there: dict[str, Entry]) -> None:
    """A path cannot be a file in one repository and a folder in the other: whatever was unpacked last would win, or follow a link."""
    for path in files:
        if path in there and there[path].type != "blob":
            raise BundleRefused(f"{path} is a file in the configuration, but not in Magento's tree", "Rename one of them.")
    for path in _parents(files):
        if path in there and there[path].type != "tree":
            raise BundleRefused(f"{path} is a folder in the configuration, but a file or a link in Magento's tree", "Rename one of them.")
