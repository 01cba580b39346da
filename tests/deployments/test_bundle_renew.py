"""A renewed archive is, byte for byte, the one that packing anew makes: on random trees, random changes, random overlays."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.bundle import Bundle, Edits, Redirect, Sources, build, builder
from remote.git import Mirror
from tests.deployments.repositories import Content, Repository

# Files and folders have different names, so that two trees can always be laid over one another.
folders = st.sampled_from(["", "a/", "a/b/", "a-b/", "pub/", "é/"])
files = st.sampled_from([".user.ini", ".htaccess", "f", "f1", "f-1", "g.php", "key.pem", "auth.json", "Z"])
paths = st.builds(str.__add__, folders, files)
bodies = st.one_of(st.binary(max_size=40), st.integers(0, 30).map(lambda n: b"memory_limit = %d\n" % n * 40), st.just(b""))
contents: st.SearchStrategy[Content] = st.one_of(
    bodies,
    st.tuples(st.just("100755"), bodies),
    st.tuples(st.just("120000"), st.sampled_from([b"f", b"a/f", b"nowhere"])),
)


def plain_where_edited(tree: dict[str, Content]) -> dict[str, Content]:
    """A link cannot be edited, and a build says so; here it would only hide the rest."""
    return {
        path: content if isinstance(content, bytes) or not path.endswith((".user.ini", ".htaccess")) else content[1]
        for path, content in tree.items()
    }


trees = st.dictionaries(paths, contents, max_size=12).map(plain_where_edited)
edits = st.sampled_from([Edits(), Edits((("memory_limit", "2G"),)), Edits((("memory_limit", "4G"),), (Redirect("/a", "/b"),))])
versions = st.lists(st.tuples(trees, trees, edits), min_size=2, max_size=4)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(versions)
def test_renewing_equals_packing_anew(history: list[tuple[dict[str, Content], dict[str, Content], Edits]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        origins = Repository(here / "magento"), Repository(here / "config")
        mirrors = [Mirror(here / f"{one.path.name}.git", str(one.path), allow_file=True) for one in origins]
        for at, (magento, config, edit) in enumerate(history):
            commits = origins[0].commit(magento, subject=f"{at}"), origins[1].commit(config, subject=f"{at}")
            for mirror in mirrors:
                mirror.fetch(["master"])
            sources = Sources(mirrors[0], commits[0], mirrors[1], commits[1], edit)
            renewed, anew = build(sources, here / "store"), build(sources, here / f"anew{at}")
            assert (renewed.renewed, anew.renewed) == (at > 0, False)
            same(renewed, anew)


def same(one: Bundle, other: Bundle) -> None:
    assert one.path.read_bytes() == other.path.read_bytes()
    assert (one.sha256, one.size, one.files, one.key, one.manifest) == (other.sha256, other.size, other.files, other.key, other.manifest)


class Pair:
    """Two builds of one history: the store holds the first."""

    def __init__(self, folder: Path) -> None:
        origins = Repository(folder / "magento"), Repository(folder / "config")
        mirrors = [Mirror(folder / f"{one.path.name}.git", str(one.path), allow_file=True) for one in origins]
        old, new = (origins[0].commit({"a": b"same" * 50, "b": body, "c": b"same" * 90}) for body in (b"1", b"22"))
        config = origins[1].commit({"d": b"1"})
        for mirror in mirrors:
            mirror.fetch(["master"])
        self.store, self.elsewhere = folder / "store", folder / "elsewhere"
        self.first = build(Sources(mirrors[0], old, mirrors[1], config), self.store)
        self.sources = Sources(mirrors[0], new, mirrors[1], config)

    def check(self, *, renewed: bool) -> None:
        bundle = build(self.sources, self.store)
        assert bundle.renewed == renewed
        same(bundle, build(self.sources, self.elsewhere))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_the_last_archive_is_used(pair: Pair) -> None:
    pair.check(renewed=True)


def test_an_archive_of_another_codec_is_not_used(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "codec", lambda: "another machine")
    pair.check(renewed=False)


def test_a_shortened_archive_is_not_used(pair: Pair) -> None:
    pair.first.path.write_bytes(pair.first.path.read_bytes()[:-1])
    pair.check(renewed=False)


def test_an_archive_touched_but_whole_is_used(pair: Pair) -> None:
    os.utime(pair.first.path, (1, 1))
    pair.check(renewed=True)


def test_an_index_that_is_damaged_is_not_used(pair: Pair) -> None:
    for index in pair.store.glob("*.index"):
        index.write_bytes(index.read_bytes()[:-3])
    pair.check(renewed=False)


def test_an_archive_of_a_vanished_commit_is_not_used(pair: Pair) -> None:
    for index in pair.store.glob("*.index"):
        index.write_bytes(index.read_bytes().replace(pair.first.manifest.magento_commit.encode(), b"1234" * 10))
    pair.check(renewed=False)


def test_where_the_kernel_cannot_copy_between_files_it_sends(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EXDEV, "not here")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    pair.check(renewed=True)


def test_a_disk_that_fails_leaves_nothing_behind(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", fail)
    with pytest.raises(OSError, match="No space"):
        build(pair.sources, pair.store)
    monkeypatch.undo()
    assert [path.name for path in pair.store.glob("*.zip")] == [pair.first.path.name]
    assert not list(pair.store.glob(".part-*"))
    pair.check(renewed=True)
