"""Malicious repositories: each is refused in words, or harmless as it is; nothing is executed; its twin without the malice passes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.bundle import Bundle, BundleRefused, Edits, Limits, Sources, build
from deployments.facts import unmounting
from deployments.recipe import recipe
from remote.errors import Refused
from remote.git import Mirror
from tests.deployments.repositories import Content, Repository

PLAIN: dict[str, Content] = {"index.php": b"<?php // shop\n", "app/etc/config.php": b"<?php return ['modules' => ['Magento_Store' => 1]];"}
CONFIG: dict[str, Content] = {".ebextensions/10-nfs.config": b"commands: {}\n"}
CANARY = "opsconsole-canary"
PWN = f"touch {CANARY}"

REFUSED: Mapping[str, tuple[Mapping[str, Content], Mapping[str, Content]]] = {
    # name: (the malicious tree, its twin)
    "a submodule": ({"vendor/x": ("160000", b"a" * 40)}, {"vendor/x/composer.json": b"{}"}),
    "a link out of the tree": ({"pub/out": ("120000", b"../../../etc/passwd")}, {"pub/in": ("120000", b"../index.php")}),
    "an absolute link": ({"pub/out": ("120000", b"/etc/passwd")}, {"pub/in": ("120000", b"../index.php")}),
    "a link to itself and out": ({"a/b": ("120000", b"../../a/b")}, {"a/b": ("120000", b"c"), "a/c": b"x"}),
    "a link that hides a folder's files": ({"a": ("120000", b".."), "pub/x": b"1"}, {"a": ("120000", b"pub"), "pub/x": b"1"}),
    "a backslash that climbs elsewhere": ({"..\\\\..\\\\evil": b"x"}, {"evil": b"x"}),
    "a .git folder of other case": ({".GIT/config": f"[core]\n\tfsmonitor = {PWN}\n".encode()}, {"git/config": b"x"}),
    "a .git folder deep inside": (
        {"vendor/x/.git/hooks/post-checkout": ("100755", f"#!/bin/sh\n{PWN}\n".encode())},
        {"vendor/x/hooks/x": b"x"},
    ),
    "a short name of .git": ({"git~1/config": b"x"}, {"git1/config": b"x"}),
    ".git with a dot behind it": ({".git./config": b"x"}, {".gitx/config": b"x"}),
    "a control character in a name": ({"a\x1b[31mb.php": b"x"}, {"ab.php": b"x"}),
    "a newline in a name": ({"a\\nb.php": b"x"}, {"ab.php": b"x"}),
    "a folder where the configuration has a file": ({".ebextensions/10-nfs.config/x": b"1"}, {".ebextensions/20.config": b"a: 1"}),
}
HOOK: Content = ("100755", f"#!/bin/sh\n{PWN}\n".encode())
FILTER = f'[filter "pwn"]\n\tsmudge = {PWN}\n\tclean = {PWN}\n'.encode()
SUBST = b"version.txt export-subst\nindex.php export-ignore\n"
HARMLESS: Mapping[str, Mapping[str, Content]] = {
    "hooks in the tree": {"hooks/post-checkout": HOOK, ".husky/pre-commit": HOOK},
    "filters": {".gitattributes": b"* filter=pwn diff=pwn merge=pwn\n", ".gitconfig": FILTER},
    "export-subst and export-ignore": {".gitattributes": SUBST, "version.txt": b"$Format:%H %an$\n"},
    ".gitmodules that name a command": {".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{PWN}\n\tupdate = !{PWN}\n'.encode()},
    "a working-tree encoding": {".gitattributes": b"*.php working-tree-encoding=UTF-16 eol=crlf ident\n"},
    "composer scripts": {"composer.json": f'{{"scripts": {{"post-install-cmd": "{PWN}"}}}}'.encode()},
    "a shell in .user.ini": {".user.ini": f"memory_limit = $({PWN})\n".encode()},
    "names that differ in case alone": {"app/Code.php": b"1", "app/code.php": b"2"},
    "replaced objects and notes": {"refs/replace/x": b"x", "refs/notes/x": b"x"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not [path for path in tmp_path.rglob("*") if path.name == CANARY]


class Place:
    def __init__(self, path: Path) -> None:
        self.code, self.configuration = Repository(path / "code"), Repository(path / "configuration")
        self.mirrors = [Mirror(path / f"{one.path.name}.git", str(one.path), allow_file=True) for one in (self.code, self.configuration)]
        self.store = path / "store"

    def build(self, tree: Mapping[str, Content], configuration: Mapping[str, Content] = CONFIG, *, limits: Limits | None = None) -> Bundle:
        commits = self.code.commit({**PLAIN, **tree}), self.configuration.commit(configuration)
        for mirror in self.mirrors:
            mirror.fetch(["master"])
        sources = Sources(self.mirrors[0], commits[0], self.mirrors[1], commits[1], Edits((("memory_limit", "2G"),), ()))
        return build(replace(sources, limits=limits) if limits else sources, self.store)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("name", REFUSED)
def test_each_is_refused_in_words_and_its_twin_is_built(place: Place, name: str) -> None:
    malicious, twin = REFUSED[name]
    with pytest.raises(BundleRefused) as refused:
        place.build(malicious)
    assert str(refused.value)
    assert refused.value.next_step
    assert not any(ord(char) < 32 for char in str(refused.value)), "no control character reaches a terminal"
    assert place.build(twin).files >= 3


@pytest.mark.parametrize("name", HARMLESS)
def test_each_of_these_is_carried_as_plain_bytes(place: Place, name: str) -> None:
    """Git runs nothing for us: no checkout, no filter, no attribute takes part."""
    built = place.build(HARMLESS[name])
    with zipfile.ZipFile(built.path) as archive:
        for path, content in HARMLESS[name].items():
            if path == ".user.ini":
                continue  # edited by the release, as it says
            body = content[1] if isinstance(content, tuple) else content
            assert archive.read(path) == body
        assert "index.php" in archive.namelist(), "export-ignore is not obeyed"


@pytest.mark.parametrize(
    ("tree", "limits"),
    [
        ({"big.bin": b"0" * 40_000}, replace(Limits(), file_bytes=20_000)),
        ({f"many/{n}": b"x" for n in range(50)}, replace(Limits(), files=30)),
        ({f"{'d/' * 50}x": b"x"}, Limits()),
        ({f"{'n' * 200}/{'m' * 200}/{'o' * 200}/{'p' * 200}/{'q' * 250}": b"x"}, Limits()),
        ({"a": b"0" * 30_000, "b": b"0" * 30_000}, replace(Limits(), bytes=40_000)),
    ],
    ids=["a huge file", "too many files", "too deep", "too long a path", "too much in all"],
)
def test_too_much_is_refused(place: Place, tree: Mapping[str, Content], limits: Limits) -> None:
    with pytest.raises(Refused, match=r"more than|deeper|longer"):
        place.build(tree, limits=limits)
    assert place.build({}, limits=limits).files >= 3


def test_a_configuration_that_is_malicious_is_read_as_text(place: Place) -> None:
    """YAML that would make objects, text that would run in a shell: read, shown, never obeyed."""
    evil = f"container_commands:\n  01_x: {{command: !!python/object/apply:os.system ['{PWN}']}}\n".encode()
    bomb = b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (n + 1, n + 1, *([n] * 8)) for n in range(97, 104)
    )
    ordinary = b"container_commands:\n  02_y: {command: id}\n"
    many = b"packages:\n  p: &p {%s}\n%s" % (
        b", ".join(b"n%d: []" % n for n in range(3000)),
        b"".join(b"  q%d: *p\n" % n for n in range(3000)),
    )
    place.build(
        {},
        {
            ".ebextensions/01.config": evil,
            ".ebextensions/02.config": ordinary,
            ".ebextensions/03.config": bomb,
            ".ebextensions/04.config": many,
        },
    )
    mirror = place.mirrors[1]
    found = recipe(mirror, mirror.resolve("master"), "")
    assert [each["name"] for each in found["commands"]] == ["02_y"]
    assert len(found["before"]) == 200, "nine million, if all were named"
    assert any("01.config" in line for line in found["wrong"])
    assert unmounting([("x", "umount $(touch opsconsole-canary) /a")], ["/a"]) == ""
    assert unmounting([("x", "umount -l /a")], ["/a"]) == "x"
