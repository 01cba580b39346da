"""Bundles of small real repositories: what is in them, what refuses them, and that the same commits give the same bytes."""

from __future__ import annotations

import hashlib
import io
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.bundle import Bundle, BundleRefused, Edits, Limits, Redirect, Sources, build, builder, modules_between, preview
from deployments.bundle.archive import codec, ending, record, set_offsets
from remote.errors import NotFound
from remote.git import Mirror
from tests.deployments.repositories import Content, Repository

MAGENTO: dict[str, Content] = {
    ".htaccess": b"RewriteEngine on\n",
    ".user.ini": b"memory_limit = 756M\n",
    ".gitmodules": b'[submodule "x"]\n\turl = ext::touch pwn\n',
    "app/etc/config.php": b"<?php return ['modules' => ['Magento_Store' => 1]];",
    "bin/magento": ("100755", b"#!/usr/bin/env php\n"),
    "index.php": b"<?php // magento\n" * 50,
    "pub/.user.ini": b"memory_limit = 756M\n",
    "pub/current": ("120000", b"../index.php"),
    "pub/empty.txt": b"",
    "readme-\xc3\xa9.md": b"x",
}
MAGENTO = {path.encode("latin-1").decode() if "\xc3" in path else path: content for path, content in MAGENTO.items()}
CONFIG: dict[str, Content] = {
    ".ebextensions/10-nfs.config": b"commands: {}\n",
    "index.php": b"<?php // config\n",
    ".user.ini": b"memory_limit = 1G\n",
}
EDITS = Edits((("memory_limit", "2G"),), (Redirect("/old", "/new"),))


class Estate:
    """Two repositories with their mirrors, and a store."""

    def __init__(self, path: Path) -> None:
        self.magento, self.config = Repository(path / "magento"), Repository(path / "config")
        self.mirrors = [Mirror(path / f"{one.path.name}.git", str(one.path), allow_file=True) for one in (self.magento, self.config)]
        self.store = path / "store"

    def sources(self, magento: Mapping[str, Content] = MAGENTO, config: Mapping[str, Content] = CONFIG, edits: Edits = EDITS) -> Sources:
        commits = self.magento.commit(magento), self.config.commit(config)
        for mirror in self.mirrors:
            mirror.fetch(["master"])
        return Sources(self.mirrors[0], commits[0], self.mirrors[1], commits[1], edits)

    def build(self, magento: Mapping[str, Content] = MAGENTO, config: Mapping[str, Content] = CONFIG, edits: Edits = EDITS) -> Bundle:
        return build(self.sources(magento, config, edits), self.store)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate(tmp_path)


def contents(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle.path) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_the_configuration_lies_over_magento_and_the_edits_over_both(estate: Estate) -> None:
    bundle = estate.build()
    found = contents(bundle)
    assert list(found) == sorted(MAGENTO.keys() | CONFIG.keys())
    assert found["index.php"] == b"<?php // config\n"
    assert found[".user.ini"] == b"memory_limit = 2G\n"
    assert found["pub/.user.ini"] == b"memory_limit = 2G\n"
    assert found[".htaccess"].endswith(b"\n\nRewriteEngine on\n")
    manifest = bundle.manifest
    assert manifest.replaced == (".user.ini", "index.php")
    assert manifest.missing == ("pub/.htaccess",)
    assert [one.path for one in manifest.edited] == [".user.ini", "pub/.user.ini", ".htaccess"]
    assert "-memory_limit = 1G\n+memory_limit = 2G" in manifest.edited[0].diff
    assert (manifest.files, manifest.links, manifest.executables) == (len(found), 1, 1)
    assert manifest.bytes == sum(map(len, found.values()))
    assert manifest.modules == {"Magento_Store": True}
    assert manifest.clean
    assert all(one.looked_at == manifest.files for one in manifest.evidence)


def test_size_hash_and_key_are_those_of_the_file(estate: Estate) -> None:
    sources = estate.sources()
    bundle = build(sources, estate.store)
    assert bundle.sha256 == hashlib.sha256(bundle.path.read_bytes()).hexdigest()
    assert bundle.size == bundle.path.stat().st_size
    assert bundle.key == f"bundles/{sources.magento_commit[:12]}-{sources.config_commit[:12]}-{EDITS.digest[:8]}-{codec()}.zip"
    assert bundle.path.name == bundle.key.removeprefix("bundles/")
    assert sorted(path.suffix for path in estate.store.iterdir()) == [".index", ".json", ".zip"]


def test_other_bytes_of_the_same_commits_take_another_place(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer deflate packs differently: what is in the bucket under the old key stays what its release says."""
    before = build(estate.sources(), estate.store)
    monkeypatch.setattr(builder, "codec", lambda: "1-00000000")
    after = build(estate.sources(), estate.store)
    assert after.key != before.key
    assert before.path.exists()


def test_links_and_modes_arrive_where_it_is_unpacked(estate: Estate, tmp_path: Path) -> None:
    bundle = estate.build()
    target = tmp_path / "host"
    subprocess.run(["unzip", "-q", str(bundle.path), "-d", str(target)], check=True, timeout=30)
    assert (target / "bin/magento").stat().st_mode & stat.S_IXUSR
    assert not (target / "index.php").stat().st_mode & stat.S_IXUSR
    assert (target / "pub/current").is_symlink()
    assert (target / "pub/current").read_bytes() == b"<?php // config\n"
    assert (target / "readme-é.md").exists()


def test_the_same_commits_give_the_same_bytes_elsewhere(estate: Estate, tmp_path: Path) -> None:
    sources = estate.sources()
    first, second = build(sources, tmp_path / "one"), build(sources, tmp_path / "two")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.manifest == second.manifest


def test_times_change_with_the_content_and_only_with_it(estate: Estate) -> None:
    def times(bundle: Bundle) -> dict[str, tuple[int, ...]]:
        return {info.filename: info.date_time for info in zipfile.ZipFile(bundle.path).infolist()}

    before, after = times(estate.build()), times(estate.build(MAGENTO | {"pub/empty.txt": b"now"}))
    assert [path for path in before if before[path] != after[path]] == ["pub/empty.txt"]
    assert all(1980 <= year < 2013 and month <= 12 and day <= 28 for year, month, day, *_ in before.values())


def test_a_finished_bundle_is_found_again_unless_it_was_damaged(estate: Estate) -> None:
    sources = estate.sources()
    first = build(sources, estate.store)
    made = first.path.stat().st_mtime_ns
    again = build(sources, estate.store)
    assert (again.path.stat().st_mtime_ns, again.manifest, again.sha256) == (made, first.manifest, first.sha256)
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert build(sources, estate.store).path.read_bytes() == whole


def test_other_edits_make_another_bundle(estate: Estate) -> None:
    first, second = estate.build(), estate.build(edits=Edits())
    assert first.key != second.key
    assert contents(second)[".user.ini"] == b"memory_limit = 1G\n"


def test_old_bundles_leave_the_store(estate: Estate) -> None:
    for n in range(9):
        last = estate.build(MAGENTO | {"n": b"%d" % n})
    assert len(list(estate.store.glob("*.zip"))) == len(list(estate.store.glob("*.index"))) == 6
    assert last.path.exists()


def test_a_preview_tells_without_building(estate: Estate) -> None:
    overlay = preview(estate.sources())
    assert overlay.replaced == (".user.ini", "index.php")
    assert overlay.missing == ("pub/.htaccess",)
    assert not estate.store.exists()


def test_a_vanished_commit_is_named(estate: Estate) -> None:
    sources = estate.sources()
    with pytest.raises(NotFound, match="123412341234") as refused:
        build(replace(sources, magento_commit="1234" * 10), estate.store)
    assert "forced push" in refused.value.next_step


def test_modules_between_two_commits(estate: Estate) -> None:
    old = estate.sources().magento_commit
    new = estate.sources(
        MAGENTO | {"app/etc/config.php": b"<?php return ['modules' => ['Magento_Store' => 0, 'A_B' => 1]];"}
    ).magento_commit
    changes = modules_between(estate.mirrors[0], old, new)
    assert (changes.added, changes.disabled) == (("A_B",), ("Magento_Store",))


LINKS_REFUSED = [
    ("leak.txt", b"/etc/hostname"),
    ("leak.txt", b"../outside"),
    ("a/leak", b"../../outside"),
    ("a/leak", b"b/../../../x"),
    ("a/leak", b"deep/.."),
    ("leak", b""),
    ("leak", b"a/../.git/config"),
    ("leak", b".git/config"),
]
LINKS_ACCEPTED = [("a/here", b"../index.php"), ("a/here", b"b/c"), ("here", b"."), ("a/b/here", b"../.."), ("here", b"gone/away")]


@pytest.mark.parametrize(("path", "target"), LINKS_REFUSED)
@pytest.mark.parametrize("side", ["magento", "config", "renewed"])
def test_a_link_that_may_leave_the_tree_refuses_the_build(estate: Estate, side: str, path: str, target: bytes) -> None:
    bad: dict[str, Content] = {path: ("120000", target)}
    if side == "renewed":
        estate.build()
    with pytest.raises(BundleRefused, match="symbolic link") as refused:
        estate.build(config=CONFIG | bad) if side == "config" else estate.build(MAGENTO | bad)
    assert path in str(refused.value)
    assert not list(estate.store.glob(".part-*"))


@pytest.mark.parametrize(("path", "target"), LINKS_ACCEPTED)
def test_a_link_inside_the_tree_is_kept(estate: Estate, path: str, target: bytes) -> None:
    bundle = estate.build(MAGENTO | {path: ("120000", target)})
    assert contents(bundle)[path] == target
    assert bundle.manifest.links == 2


BAD_NAMES = ["a/b\\\\c", "a/x\\001y", "bell\\007", "a/lat\\351in"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("renewed", [False, True])
def test_a_bad_name_refuses_the_build(estate: Estate, name: str, renewed: bool) -> None:
    if renewed:
        estate.build()
    with pytest.raises(BundleRefused):
        estate.build(MAGENTO | {name: b"x"})


def test_a_submodule_refuses_the_build(estate: Estate) -> None:
    with pytest.raises(BundleRefused, match="vendor/x is a submodule"):
        estate.build(MAGENTO | {"vendor/x": ("160000", b"1" * 40)})
    with pytest.raises(BundleRefused, match="vendor/x in the configuration is a submodule"):
        estate.build(config=CONFIG | {"vendor/x": ("160000", b"1" * 40)})
    estate.build()
    with pytest.raises(BundleRefused, match="vendor/x is a submodule"):
        estate.build(MAGENTO | {"vendor/x": ("160000", b"1" * 40)})


@pytest.mark.parametrize("path", ["index.php/x", "bin", "pub/current/x"])
def test_a_file_and_a_folder_of_one_name_refuse_the_build(estate: Estate, path: str) -> None:
    with pytest.raises(BundleRefused, match="Magento's tree"):
        estate.build(config={path: b"x"})


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(files=3), "files"),
        (Limits(bytes=100), "unpack"),
        (Limits(archive_bytes=100), "Beanstalk"),
        (Limits(file_bytes=200), "more than the 200"),
        (Limits(depth=1), "deeper"),
        (Limits(path_bytes=10), "longer"),
        (Limits(config_bytes=10), "configuration"),
    ],
)
def test_too_much_refuses_the_build(estate: Estate, limits: Limits, word: str) -> None:
    sources = estate.sources(MAGENTO | {"a/b/c/deep.txt": b"x" * 300})
    with pytest.raises(Exception, match=word):
        build(replace(sources, limits=limits), estate.store)
    assert build(sources, estate.store).files


PEM = b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEpAIBAAKCAQEA" * 4 + b"\n-----END RSA PRIVATE KEY-----\n"
FOUND = {
    "app/etc/env.php": (b"<?php return [];", "env.php"),
    "auth.json": (b"{}", "auth.json"),
    "vendor/x/.env": (b"A=1", ".env"),
    "keys/Server.KEY": (b"x", "key file"),
    "home/id_rsa": (b"x", "key file"),
    "cert.pem": (PEM, "pem"),
    "note.txt": (b"x" + PEM, "private key"),
    "conf.php": (b"'key' => 'AKIA" + b"QWERTYUIOPASDFGH',", "aws key"),
    "big.zip": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs"),
}
FINE = {
    "app/etc/env.php.sample": b"x",
    "auth.json.sample": b"x",
    "vendor/x/.env.example": b"x",
    "lib/PKCS1.php": b"return '-----BEGIN RSA PRIVATE KEY-----' . \"\\r\\n\" . $key;",
    "cacert.pem": b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n",
    "docs.md": b"AKIAIOSFODNN7" + b"EXAMPLE",
    "keyboard.js": b"x",
}


@pytest.mark.parametrize("path", FOUND)
@pytest.mark.parametrize("renewed", [False, True])
def test_the_scan_names_what_should_stay_at_home(estate: Estate, path: str, renewed: bool) -> None:
    content, rule = FOUND[path]
    if renewed:
        estate.build()
    sources = estate.sources(MAGENTO | {path: content})
    bundle = build(sources, estate.store)
    assert bundle.renewed == renewed
    assert not bundle.manifest.clean
    assert path in next(one.found for one in bundle.manifest.evidence if one.rule == rule)
    accepted = build(replace(sources, accepted=(path,)), estate.store)
    assert accepted.manifest.clean
    assert any(path in one.accepted for one in accepted.manifest.evidence)
    # The finding stays while the file stays, and goes with it.
    assert not estate.build(MAGENTO | {path: content, "other": b"x"}).manifest.clean
    assert estate.build(MAGENTO).manifest.clean


def test_the_scan_lets_ordinary_files_through(estate: Estate) -> None:
    assert estate.build(MAGENTO | FINE).manifest.clean


def test_more_than_65535_files_are_all_there(estate: Estate, tmp_path: Path) -> None:
    bundle = estate.build({f"d{n % 300}/f{n}": b"" for n in range(66_000)}, {}, Edits())
    with zipfile.ZipFile(bundle.path) as archive:
        assert len(archive.infolist()) == bundle.files == 66_000
    counted = subprocess.run(["zipinfo", "-h", str(bundle.path)], check=True, capture_output=True, timeout=30).stdout
    assert b"number of entries: 66000" in counted


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_smallest_archives(count: int) -> None:
    central, offsets, positions, out = bytearray(), [], [], b""
    for n in range(count):
        local, kept, one = record(b"f%d" % n, "100644", "0" * 40, b"x" * n)
        offsets.append(len(out))
        positions.append(len(central))
        out += local + kept
        central += one
    set_offsets(central, positions, offsets)
    whole = out + central + ending(count, len(central), len(out))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [b"x" * n for n in range(count)]


def test_empty_trees_make_an_empty_bundle(estate: Estate) -> None:
    bundle = estate.build({"a": b"1"}, {}, Edits())
    assert contents(estate.build({}, {}, Edits())) == {}
    shutil.rmtree(estate.store)
    assert contents(estate.build({}, {}, Edits())) == {}
    assert bundle.files == 1
