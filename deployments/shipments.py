"""The bundle of a target at two commits: built here, kept here, named by its bytes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from deployments.bundle import Bundle, Edits, Redirect, Sources, build
from deployments.sources import ensure_commit, mirror
from estate.definition import Target

KEPT = 12


def bundle_of(target: Target, magento_commit: str, configuration_commit: str, *, configuration_branch: str = "") -> Bundle:
    """Builds, or finds, the bundle. Raises RemoteError where a commit has vanished, Refused where the tree may not be shipped."""
    code, configuration = mirror(target.code.repository), mirror(target.configuration.repository)
    ensure_commit(code, magento_commit, target.code.branches[0])
    ensure_commit(configuration, configuration_commit, configuration_branch or target.configuration.branches[0])
    sources = Sources(
        code, magento_commit, configuration, configuration_commit, edits_of(target), config_prefix=target.configuration.directory
    )
    built = build(sources, _store(target))
    named = bundle_file(built.sha256)
    named.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another plan of the same commits may have been quicker
        os.link(built.path, named)
    with suppress(OSError):  # the plan does not depend on it
        _wanted(named).touch()
    _tidy(named.parent)
    return built


def edits_of(target: Target) -> Edits:
    redirects = tuple(Redirect(redirect.source, redirect.target, redirect.code) for redirect in target.edits.redirects)
    return Edits(settings=tuple(target.edits.user_ini.items()), redirects=redirects)


def bundle_file(sha256: str) -> Path:
    """Where a bundle with these bytes lies on this machine."""
    return Path(settings.DATA_DIR) / "bundles" / "by-sha256" / f"{sha256}.zip"


def _tidy(folder: Path) -> None:
    """Keeps what was wanted last: anything else is built again from its commits, or stands in S3."""
    for path in sorted(folder.glob("*.zip"), key=_last_wanted, reverse=True)[KEPT:]:
        for each in (path, _wanted(path)):
            with suppress(OSError):
                each.unlink(missing_ok=True)


def _wanted(path: Path) -> Path:
    """A file of its own, whose time says when the bundle was last wanted: the bundle's own is the shelf's too, which knows it by that."""
    return path.with_suffix(".wanted")


def _last_wanted(path: Path) -> int:
    for each in (_wanted(path), path):
        with suppress(OSError):
            return each.stat().st_mtime_ns
    return 0


def _store(target: Target) -> Path:
    return Path(settings.DATA_DIR) / "bundles" / target.service / target.environment.key
