"""A commit that a plan names is brought into the mirror; why it cannot be is told as what it is."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from deployments.sources import ensure_commit
from remote.errors import Busy, NotFound
from remote.git.mirror import Mirror
from tests.deployments.repositories import Repository


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin.git")


@pytest.fixture
def mirror(tmp_path: Path, origin: Repository) -> Mirror:
    return Mirror(tmp_path / "mirror.git", str(origin.path), allow_file=True, deadline=5)


def test_a_commit_is_fetched_once(origin: Repository, mirror: Mirror) -> None:
    commit = origin.commit({"a": b"1"})
    ensure_commit(mirror, commit, "master")
    assert mirror.has(commit)
    origin.path.rename(origin.path.with_suffix(".away"))
    ensure_commit(mirror, commit, "master")


@pytest.mark.parametrize("branch, said", [("master", "no longer has the commit 1234123"), ("gone", "gone")])
def test_what_is_not_there_is_said_to_be_missing(origin: Repository, mirror: Mirror, branch: str, said: str) -> None:
    origin.commit({"a": b"1"})
    with pytest.raises(NotFound, match=said):
        ensure_commit(mirror, "1234" * 10, branch)


def test_a_mirror_that_another_fetch_holds_is_busy_and_not_missing(origin: Repository, tmp_path: Path) -> None:
    commit = origin.commit({"a": b"1"})
    mirror = Mirror(tmp_path / "held.git", str(origin.path), allow_file=True, deadline=0.1)
    mirror.path.mkdir()
    with (mirror.path / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            ensure_commit(mirror, commit, "master")
