"""Many objects in one stream: `git cat-file --batch --buffer`, read as it comes.

Git is fed from an unlinked temporary file, so nobody has to write to it while the answer is read: no thread, no deadlock.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from remote.errors import NotFound, Refused, RemoteError, Unanswered
from remote.git.command import Git, kill_group

PIPE = 1 << 20
MISSING = "Fetch again; if it stays, remove the mirror's folder, it is made anew from the repository."


class ObjectStream:
    """The contents of `names` (object ids, or `commit:path`), in that order, each as (kind, bytes).

    A context manager: leaving it ends git. The whole stream has `deadline` seconds; `largest` bounds what one object may put into memory.
    """

    def __init__(self, git: Git, names: Sequence[str], *, deadline: float, largest: int) -> None:
        self._names = names
        self._largest = largest
        self._deadline = deadline
        self._late = False
        with tempfile.TemporaryFile() as feed:
            feed.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
            feed.seek(0)
            self._process = git.start("cat-file", "--batch", "--buffer", stdin=feed, pipe_size=PIPE)
        if self._process.stdout is None:
            raise RemoteError("git was started without a pipe to read from", "")
        self._pipe = self._process.stdout
        self._watch = threading.Timer(deadline, self._end_late)
        self._watch.daemon = True

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.cancel()
        kill_group(self._process)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        pipe = self._pipe
        readline, read = pipe.readline, pipe.read
        for name in self._names:
            facts = readline()
            if facts.endswith(b" missing\n"):
                raise NotFound(f"The repository has no object {name}", MISSING)
            try:
                _, kind, digits = facts.split(b" ")
                size = int(digits)
            except ValueError:
                raise self._broken(name) from None
            if size > self._largest:
                raise Refused(
                    f"{name} has {size:,} bytes, more than the {self._largest:,} that one file may have", "Take it out of the repository."
                )
            body = read(size + 1)
            if len(body) != size + 1:
                raise self._broken(name)
            yield kind.decode(), body[:-1]

    def _end_late(self) -> None:
        self._late = True
        kill_group(self._process)

    def _broken(self, name: str) -> RemoteError:
        if self._late:
            return Unanswered(f"git cat-file gave no answer within {self._deadline:g} s", "Nothing was changed. Try again.")
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return RemoteError(f"git's stream of objects is out of step at {name}", MISSING)
        said = self._process.stderr.read().decode("utf-8", "replace").strip() if self._process.stderr else ""
        return RemoteError(f"git's stream of objects broke off at {name}: {said or 'no reason given'}", MISSING)
