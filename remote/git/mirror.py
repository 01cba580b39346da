"""A bare repository beside the console that mirrors the branches of another one, and the questions asked of it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from remote.errors import Busy, NotFound, RemoteError
from remote.git.command import Git
from remote.git.names import check_address, check_branch, check_commit, check_path
from remote.git.objects import ObjectStream
from remote.git.records import LOG_FORMAT, Change, Commit, Entry, changes, commits, entries, fields

LOOK = 60.0  # seconds for a question to this machine's own mirror
LARGEST_FILE = 100 * 1024 * 1024
VANISHED = "The commit may have vanished by a forced push. Fetch again and choose a commit that exists."


@dataclass(frozen=True)
class Mirror:
    """`path` is made when it is first fetched into. `deadline` (seconds) bounds every call that leaves this machine."""

    path: Path
    url: str
    ssh_config: Path | None = None
    allow_file: bool = False
    deadline: float = 300.0

    @cached_property
    def git(self) -> Git:
        return Git(self.path, self.ssh_config, self.allow_file)

    # Asked of the repository itself

    def heads(self, *names: str) -> dict[str, str]:
        """The commit at the head of each branch named, or of every branch. Raises `NotFound` with the names that do not exist."""
        wanted = {f"refs/heads/{check_branch(name)}": name for name in names}
        answer = self._remote("ls-remote", "--refs", "--", self._address, *(wanted or ["refs/heads/*"])).decode("utf-8", "replace")
        found = {ref: sha for sha, tab, ref in (line.partition("\t") for line in answer.splitlines()) if tab}
        if not wanted:
            return {ref.removeprefix("refs/heads/"): sha for ref, sha in found.items()}
        missing = [name for ref, name in wanted.items() if ref not in found]
        if missing:
            raise NotFound(
                f"{self.url} has no branch {', '.join(missing)}",
                "Check the branch's name in the repository; it may have been deleted or renamed.",
            )
        return {name: found[ref] for ref, name in wanted.items()}

    def fetch(self, refs: Sequence[str]) -> None:
        """Bring branches, or commits by their full id, into the mirror. Commits that left a branch stay: nothing prunes."""
        specs = [ref if len(ref) == 40 and check_commit(ref) else f"+refs/heads/{check_branch(ref)}:refs/heads/{ref}" for ref in refs]
        with self._alone():
            self._remote("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--", self._address, *specs)

    # Asked of the mirror

    def has(self, sha: str) -> bool:
        """Is this commit in the mirror?"""
        return (self.path / "HEAD").exists() and self._ask("cat-file", "-e", f"{check_commit(sha)}^{{commit}}", fine=(0, 1, 128))[0] == 0

    def resolve(self, branch: str) -> str:
        """The commit that the mirror knows at the head of a branch."""
        code, out = self._ask("rev-parse", "--verify", "--quiet", f"refs/heads/{check_branch(branch)}^{{commit}}", fine=(0, 1))
        if code:
            raise NotFound(f"The mirror of {self.url} has no branch {branch}", "Fetch the branch first.")
        return out.decode().strip()

    def is_ancestor(self, old: str, new: str) -> bool:
        """Is `old` part of the history of `new`?"""
        return self._ask("merge-base", "--is-ancestor", check_commit(old), check_commit(new), fine=(0, 1))[0] == 0

    def log(self, old: str | None, new: str, limit: int = 200) -> list[Commit]:
        """The commits that `new` has and `old` has not, newest first."""
        span = check_commit(new) if old is None else f"{check_commit(old)}..{check_commit(new)}"
        return list(commits(self._ask("log", "-z", "--name-only", f"--max-count={limit:d}", LOG_FORMAT, "--end-of-options", span, "--")[1]))

    def changes(self, old: str, new: str) -> list[Change]:
        """Every path that differs between two commits, renames as a deletion and an addition."""
        words = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", "--end-of-options")
        return changes(self._ask(*words, check_commit(old), check_commit(new))[1])

    def changed_files(self, old: str, new: str) -> list[str]:
        """The paths that differ between two commits."""
        words = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options")
        return fields(self._ask(*words, check_commit(old), check_commit(new))[1])

    def file(self, sha: str, path: str) -> bytes:
        """The content of one file at one commit."""
        return self._ask("cat-file", "blob", f"{check_commit(sha)}:{check_path(path)}")[1]

    def tree(self, sha: str, prefix: str = "", *, sizes: bool = True) -> list[Entry]:
        """All files at one commit (below a folder), in the order of their paths. Without `sizes` it is several times faster."""
        words = ("ls-tree", "-r", "-z", "--full-tree", *(("-l",) if sizes else ()))
        return entries(self._ask(*words, check_commit(sha), *((check_path(prefix.rstrip("/")),) if prefix else ()))[1])

    def listing(self, sha: str) -> bytes:
        """`tree` without sizes as git printed it, for a reader with 75,000 entries to take in."""
        return self._ask("ls-tree", "-r", "-z", "--full-tree", check_commit(sha))[1]

    def entries(self, sha: str, paths: Sequence[str]) -> dict[str, Entry]:
        """What stands at each of these paths: blob, tree or submodule; a path that is not there is left out."""
        if not paths:
            return {}
        words = ("ls-tree", "-t", "-z", "--full-tree", check_commit(sha), *map(check_path, paths))
        # Where a folder and something in it are both asked for, git shows the folder's other entries too.
        wanted = set(paths)
        return {entry.path: entry for entry in entries(self._ask(*words)[1]) if entry.path in wanted}

    def objects(self, names: Sequence[str], *, deadline: float = 600.0, largest: int = LARGEST_FILE) -> ObjectStream:
        """The contents of many objects, as a stream to be used in a `with`."""
        return ObjectStream(self.git, names, deadline=deadline, largest=largest)

    # How it is asked

    @cached_property
    def _address(self) -> str:
        return check_address(self.url, allow_file=self.allow_file)

    def _remote(self, *words: str) -> bytes:
        if not (self.path / "HEAD").exists():
            self.path.mkdir(parents=True, exist_ok=True)
            self.git.run("init", "--quiet", "--bare", deadline=LOOK)
        try:
            return self.git.run(*words, deadline=self.deadline).stdout
        except RemoteError as error:
            raise type(error)(f"{self.url}: {error}", error.next_step) from error

    def _ask(self, *words: str, fine: tuple[int, ...] = (0,)) -> tuple[int, bytes]:
        if not (self.path / "HEAD").exists():
            raise NotFound(f"There is no mirror of {self.url} yet", "Fetch the repository first.")
        done = self.git.run(*words, deadline=LOOK, fine=fine)
        return done.returncode, done.stdout

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One fetch at a time into one mirror, over all processes: git gives up at once where a ref is locked."""
        self.path.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + self.deadline
        with (self.path / "fetch.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise Busy(
                            f"Another fetch of {self.url} has not ended within {self.deadline:g} s", "Try again in a minute."
                        ) from None
                    time.sleep(0.05)
            yield
