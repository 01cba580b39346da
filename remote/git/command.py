"""How git is run: fixed words, an environment of our own, a deadline, and one translation of its complaints.

Nothing of the machine's or a person's git configuration takes part. The repositories' own content never does: no hooks, no submodules, no
filters, no credential helpers, no prompt.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from remote.errors import Denied, HostKeyRefused, NotFound, RemoteError, Unanswered, Unreachable

# Handed down from the console's own environment; everything else is left behind.
INHERITED = (
    "PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
SETTINGS = (
    "protocol.allow=never",
    "protocol.ssh.allow=always",
    "protocol.https.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "filter.lfs.smudge=",
    "filter.lfs.process=",
    "gc.auto=0",
    "maintenance.auto=false",
    # A repository of a shop has long delta chains; these bound what a reader of all objects keeps in memory.
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=48m",
    "core.deltaBaseCacheLimit=32m",
)
LINES_KEPT = 4
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Git:
    """One way to run git: `ssh_config` is the file that names hosts, keys and known host keys; `allow_file` permits local folders."""

    directory: Path
    ssh_config: Path | None = None
    allow_file: bool = False

    def run(
        self, *words: str, deadline: float, feed: bytes | None = None, fine: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        """The finished process. Any exit code that is not `fine` is raised as a `RemoteError`."""
        with self.start(*words, stdin=subprocess.PIPE if feed is not None else subprocess.DEVNULL) as process:
            try:
                out, err = process.communicate(feed, timeout=deadline)
            except subprocess.TimeoutExpired:
                kill_group(process)
                raise Unanswered(
                    f"git {words[0]} gave no answer within {deadline:g} s",
                    "Nothing was changed. Try again; if it stays, look at the connection to the repository's host.",
                ) from None
            except BaseException:
                kill_group(process)
                raise
        if process.returncode not in fine:
            raise complaint(words[0], process.returncode, err)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, *words: str, stdin: int | IO[bytes], pipe_size: int = -1) -> subprocess.Popen[bytes]:
        """A running git in a process group of its own."""
        try:
            return subprocess.Popen(
                self.argv(*words),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment(),
                start_new_session=True,
                bufsize=1 << 20,
                pipesize=pipe_size,
            )
        except FileNotFoundError:
            raise RemoteError("git is not installed on this machine", "Install the package git.") from None

    def argv(self, *words: str) -> list[str]:
        """The whole command, word for word."""
        settings = SETTINGS + (("protocol.file.allow=always",) if self.allow_file else ())
        return ["git", *(word for setting in settings for word in ("-c", setting)), "--git-dir", str(self.directory), *words]

    def environment(self) -> dict[str, str]:
        """What git sees; the only shell string in it is ssh's command, of one fixed shape around a quoted path."""
        return (
            self._ssh()
            | {name: os.environ[name] for name in INHERITED if name in os.environ}
            | {
                "LC_ALL": "C",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ASKPASS": "/bin/false",
                "GIT_LITERAL_PATHSPECS": "1",
                "GIT_NO_REPLACE_OBJECTS": "1",
                "GIT_OPTIONAL_LOCKS": "0",
            }
        )

    def _ssh(self) -> dict[str, str]:
        """The stock client where there is one; else our own connections, with the same configuration and the same pinned keys."""
        if shutil.which("ssh") is None:
            config = {"SSH_CONFIG": str(self.ssh_config)} if self.ssh_config else {}
            own = {"GIT_SSH_COMMAND": shlex.join([sys.executable, "-m", "remote.ssh.for_git"]), "GIT_SSH_VARIANT": "simple"}
            return config | own | {"PYTHONPATH": str(ROOT)}
        ssh = ["ssh", *(("-F", str(self.ssh_config)) if self.ssh_config else ()), "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
        return {"GIT_SSH_COMMAND": shlex.join(ssh), "GIT_SSH_VARIANT": "ssh"}


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started (ssh, upload-pack)."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# Git has one exit code (128) for everything; what went wrong stands only in its words, which LC_ALL=C keeps stable.
COMPLAINTS: tuple[tuple[tuple[str, ...], type[RemoteError], str], ...] = (
    (("host key verification failed", "remote host identification has changed"), HostKeyRefused,
     "Compare the host's key with the one that its owner publishes; only then correct the known hosts file."),
    (("permission denied", "authentication failed", "could not read username", "terminal prompts disabled"), Denied,
     "Check that the console's key may read this repository."),
    (("could not resolve host", "connection refused", "connection timed out", "network is unreachable", "no route to host",
      "failed to connect", "connection reset", "connection closed", "unable to access"), Unreachable,
     "Nothing was changed. Check the network and the repository's host, then try again."),
    (("couldn't find remote ref", "remote ref does not exist"), NotFound,
     "Check the branch's name in the repository; it may have been deleted or renamed."),
    (("not our ref", "bad object", "not a valid object name", "not a valid commit name", "invalid revision range", "not a tree object",
      "unknown revision", "invalid object name",
      "could not get object info", "unable to read tree", "ambiguous argument"), NotFound,
     "The commit may have vanished by a forced push. Fetch again and choose a commit that exists."),
    (("does not exist in", "exists on disk, but not in"), NotFound, "Check the path and the commit."),
    (("repository not found", "does not appear to be a git repository", "no such file or directory", "does not exist"), NotFound,
     "Check the repository's address, and that the console may read it."),
    (("the remote end hung up", "early eof", "could not read from remote repository"), Unreachable,
     "Nothing was changed. Try again; if it stays, check the address and the console's right to read."),
)  # fmt: skip


SAID_TO_ALL = ("Please make sure you have the correct access rights", "and the repository exists.")  # whatever it was that went wrong


def complaint(verb: str, code: int, stderr: bytes) -> RemoteError:
    """Git's own last words, as an error of ours with the next step."""
    said = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip() and line not in SAID_TO_ALL]
    text = "; ".join(said[-LINES_KEPT:]) or f"exit code {code}"
    lowered = "\n".join(said).lower()
    for marks, kind, next_step in COMPLAINTS:
        if any(mark in lowered for mark in marks):
            return kind(f"git {verb}: {text}", next_step)
    return RemoteError(f"git {verb}: {text}", "Nothing was changed. The words above are git's own.")
