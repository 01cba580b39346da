"""The mirror, against real repositories on this machine; and what must not reach git."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.errors import Denied, HostKeyRefused, NotFound, Refused, RemoteError, Unanswered, Unreachable
from remote.git import Mirror, check_branch, check_path
from remote.git.command import Git, complaint
from remote.git.names import check_address
from tests.deployments.repositories import Repository, git


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin.git")


@pytest.fixture
def mirror(origin: Repository, tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror.git", str(origin.path), allow_file=True)


def test_heads_are_read_without_a_mirror(origin: Repository, mirror: Mirror) -> None:
    master, prod = origin.commit({"a": b"1"}), origin.commit({"a": b"2"}, branch="prod")
    origin.commit({"a": b"3"}, branch="refs/heads/prod")  # a tail that ls-remote's own patterns would match too
    assert mirror.heads("master", "prod") == {"master": master, "prod": prod}
    assert mirror.heads()["prod"] == prod


def test_a_branch_that_does_not_exist_is_named(origin: Repository, mirror: Mirror) -> None:
    origin.commit({"a": b"1"})
    with pytest.raises(NotFound, match="no branch preprod") as refused:
        mirror.heads("master", "preprod")
    assert refused.value.next_step
    with pytest.raises(NotFound, match="preprod") as refused:
        mirror.fetch(["preprod"])
    assert "branch's name" in refused.value.next_step


def test_fetch_brings_a_branch_and_a_single_commit(origin: Repository, mirror: Mirror) -> None:
    first = origin.commit({"a": b"1"})
    assert not mirror.has(first)
    mirror.fetch(["master"])
    assert mirror.has(first)
    assert mirror.resolve("master") == first
    side = origin.commit({"a": b"2"}, branch="side")
    assert not mirror.has(side)
    mirror.fetch([side])
    assert mirror.has(side)


def test_a_pinned_commit_outlives_a_forced_push(origin: Repository, mirror: Mirror) -> None:
    pinned = origin.commit({"a": b"1"})
    mirror.fetch(["master"])
    git(origin.path, "update-ref", "-d", "refs/heads/master")
    moved = origin.commit({"a": b"2"})
    mirror.fetch(["master"])
    assert mirror.resolve("master") == moved
    assert mirror.file(pinned, "a") == b"1"


def test_the_log_survives_hostile_subjects_and_names(origin: Repository, mirror: Mirror) -> None:
    first = origin.commit({"a": b"1"})
    origin.commit({"a": b"2", "é b": b"x"}, subject="Two \x1e \x1f \x01 files")
    empty = origin.commit({"a": b"2", "é b": b"x"}, subject="")
    last = origin.commit({"é b": b"x"}, subject="Remove a")
    mirror.fetch(["master"])
    found = mirror.log(first, last)
    assert [(one.subject, one.files) for one in found] == [("Remove a", ("a",)), ("", ()), ("Two \x1e \x1f \x01 files", ("a", "é b"))]
    assert found[1].sha == empty
    assert found[0].author == "Anna"
    assert found[0].when.utcoffset() is not None
    assert len(mirror.log(None, last, limit=2)) == 2


def test_changes_and_ancestors(origin: Repository, mirror: Mirror) -> None:
    old = origin.commit({"gone": b"1", "kept": b"2", "edited": b"3"})
    new = origin.commit({"kept": b"2", "edited": b"4", "come": ("100755", b"5")})
    mirror.fetch(["master"])
    assert {(one.status, one.path, one.mode) for one in mirror.changes(old, new)} == {
        ("D", "gone", "000000"),
        ("M", "edited", "100644"),
        ("A", "come", "100755"),
    }
    assert sorted(mirror.changed_files(old, new)) == ["come", "edited", "gone"]
    assert mirror.is_ancestor(old, new)
    assert not mirror.is_ancestor(new, old)


def test_trees_and_files(origin: Repository, mirror: Mirror) -> None:
    sha = origin.commit({"a/b/c": b"123", "a/d": ("120000", b"b/c"), "e": ("100755", b"")})
    mirror.fetch(["master"])
    assert [(one.mode, one.type, one.size, one.path) for one in mirror.tree(sha)] == [
        ("100644", "blob", 3, "a/b/c"),
        ("120000", "blob", 3, "a/d"),
        ("100755", "blob", 0, "e"),
    ]
    assert [one.path for one in mirror.tree(sha, "a/b")] == ["a/b/c"]
    assert {path: one.type for path, one in mirror.entries(sha, ["a", "a/b/c", "nothing", "e/x"]).items()} == {"a": "tree", "a/b/c": "blob"}
    assert mirror.file(sha, "a/b/c") == b"123"
    with pytest.raises(NotFound, match="nothing"):
        mirror.file(sha, "nothing")


def test_a_stream_of_objects_keeps_order_and_bounds(origin: Repository, mirror: Mirror) -> None:
    contents = {f"f{n:03}": os.urandom(n * 37 % 5000) + b"\n\0 missing\n" for n in range(300)}
    sha = origin.commit(contents)
    mirror.fetch(["master"])
    shas = [one.sha for one in mirror.tree(sha)]
    with mirror.objects(shas) as stream:
        assert [body for _, body in stream] == list(contents.values())
    with mirror.objects([*shas[:1], "f" * 40]) as stream, pytest.raises(NotFound, match="ffffffff"):
        list(stream)
    with mirror.objects(shas, largest=100) as stream, pytest.raises(Refused, match="more than the 100"):
        list(stream)
    with mirror.objects(shas) as stream:
        next(iter(stream))  # left early: nothing hangs, nothing stays behind


@pytest.mark.parametrize("ask", ["log", "tree", "changes", "file", "is_ancestor"])
def test_a_commit_that_vanished_says_what_to_do(origin: Repository, mirror: Mirror, ask: str) -> None:
    here, gone = origin.commit({"a": b"1"}), "1234567890" * 4
    mirror.fetch(["master"])
    asked: dict[str, Callable[[], object]] = {
        "log": lambda: mirror.log(here, gone),
        "tree": lambda: mirror.tree(gone),
        "changes": lambda: mirror.changes(here, gone),
        "file": lambda: mirror.file(gone, "a"),
        "is_ancestor": lambda: mirror.is_ancestor(here, gone),
    }
    with pytest.raises(NotFound) as refused:
        asked[ask]()
    assert refused.value.next_step


REFUSED_BRANCHES = [
    "-x", "--upload-pack=touch pwn", "", "a..b", "a@{1}", "a:b", "a\\b", "a b", "a\n", "a\0b", "/a", "a/", "a//b", "a/.b", ".a", "a.lock",
    "$(id)", ";id", "|id", "`id`", "a~1", "a^", "a?", "a*", "[a]", "é", "a" * 101, "HEAD^{}", "refs/heads/../x",
]  # fmt: skip
ACCEPTED_BRANCHES = ["master", "prod", "release/2.4.6-p1", "feature_x", "v1.0+hotfix", "a" * 100, "x", "HEAD"]


@pytest.mark.parametrize("name", REFUSED_BRANCHES)
def test_refused_branches(name: str, mirror: Mirror) -> None:
    for ask in (check_branch, mirror.heads, mirror.resolve, lambda name: mirror.fetch([name])):
        with pytest.raises(Refused):
            ask(name)


@pytest.mark.parametrize("name", ACCEPTED_BRANCHES)
def test_accepted_branches(name: str) -> None:
    assert check_branch(name) == name


def test_hostile_names_execute_nothing(origin: Repository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    origin.commit({"a": b"1"})
    with pytest.raises(Refused):
        mirror.heads("--upload-pack=touch pwn; git-upload-pack")
    for url in ("--upload-pack=touch pwn", "ext::sh -c touch% pwn", "-oProxyCommand=touch pwn:x", "file:///x"):
        with pytest.raises(Refused):
            Mirror(tmp_path / "m.git", url).heads("master")
    assert not (tmp_path / "pwn").exists()
    assert mirror.heads("master")


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../b", "a//b", "./a", "a\n", "a\0"])
def test_refused_paths(path: str) -> None:
    with pytest.raises(Refused):
        check_path(path)


@pytest.mark.parametrize("path", ["a", "-a", "a/.htaccess", "a b/é:c", "..a"])
def test_accepted_paths(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("url", ["git@bitbucket.org:client/magento.git", "ssh://git@host:7999/a/b.git", "https://host/a.git"])
def test_accepted_addresses(url: str) -> None:
    assert check_address(url, allow_file=False) == url


@pytest.mark.parametrize(
    "url", ["/srv/a.git", "http://host/a", "ext::id", "-x", "host::x", "git://host/a", "-o@h:x", "a@-h:x", "ssh://-oProxyCommand=x/y"]
)
def test_refused_addresses(url: str) -> None:
    with pytest.raises(Refused):
        check_address(url, allow_file=False)


def test_a_local_folder_needs_the_callers_permission(origin: Repository, tmp_path: Path) -> None:
    origin.commit({"a": b"1"})
    with pytest.raises(Refused):
        Mirror(tmp_path / "m", str(origin.path)).heads("master")
    assert Mirror(tmp_path / "m", str(origin.path), allow_file=True).heads("master")


def test_neither_hooks_nor_a_persons_settings_take_part(
    origin: Repository, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.commit({"a": b"1"})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[core]\n\tsshCommand = touch {tmp_path}/pwn\n[url "/nowhere"]\n\tinsteadOf = {origin.path}\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url./nowhere.insteadOf={origin.path}")
    mirror.fetch(["master"])
    hook = mirror.path / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwn\n")
    hook.chmod(0o755)
    origin.commit({"a": b"2"})
    mirror.fetch(["master"])
    assert mirror.resolve("master") == origin.head("master")
    assert not (tmp_path / "pwn").exists()


def test_a_deadline_ends_git_and_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    began = time.monotonic()
    with pytest.raises(Unanswered, match="within 1 s"):
        Mirror(tmp_path / "m.git", "git@bitbucket.org:client/magento.git", deadline=1).heads("master")
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ssh_gets_the_given_file_and_never_asks(tmp_path: Path) -> None:
    command = Git(tmp_path / "m", ssh_config=tmp_path / "it's here").environment()["GIT_SSH_COMMAND"]
    assert command.startswith("ssh -F '")
    assert command.endswith("-o BatchMode=yes -o ConnectTimeout=15")


def test_a_missing_git_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RemoteError, match="git is not installed"):
        Mirror(tmp_path / "m.git", str(tmp_path), allow_file=True).heads("master")


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("ssh: Could not resolve hostname bitbucket.org\nfatal: Could not read from remote repository.", Unreachable),
        ("ssh: connect to host bitbucket.org port 22: Connection refused\nfatal: Could not read from remote repository.", Unreachable),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", HostKeyRefused),
        ("git@bitbucket.org: Permission denied (publickey).\nfatal: Could not read from remote repository.", Denied),
        ("fatal: couldn't find remote ref refs/heads/x", NotFound),
        ("fatal: bad object 1234", NotFound),
        ("fatal: something new", RemoteError),
    ],
)
def test_git_words_become_errors_with_a_next_step(stderr: str, kind: type[RemoteError]) -> None:
    error = complaint("fetch", 128, stderr.encode())
    assert type(error) is kind
    assert error.next_step
    assert stderr.splitlines()[-1] in str(error)


def test_a_host_that_refuses_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"^ssh://git@127\.0\.0\.1:9/x\.git: git ls-remote: .*refused") as refused:
        Mirror(tmp_path / "m.git", "ssh://git@127.0.0.1:9/x.git").heads("master")
    assert "Please make sure" not in str(refused.value)
