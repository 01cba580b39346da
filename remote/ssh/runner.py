"""The runner's verbs, asked over SSH: commands on a host that outlive every connection, each once for its key.

The script is `runner.sh` beside this file, which says what stands where on the host. Its hash is part of every call: another runner refuses.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from remote.errors import Refused, Unanswered
from remote.ssh.client import Door
from remote.ssh.connections import Result

PLACE = "/opt/opsconsole/runner"
SCRIPT = Path(__file__).with_name("runner.sh")
DEADLINE = 8.0  # seconds for a call that only looks or starts
_PLAIN = frozenset(string.ascii_letters + string.digits + "_./:=,+@-")
_KINDS = ("absent", "started", "running", "finished", "lost", "cancelled")


@dataclass(frozen=True, slots=True)
class Key:
    """Names one command for ever: [a-z0-9][a-z0-9._-]{0,63} each."""

    run: str
    step: str


@dataclass(frozen=True, slots=True)
class State:
    """`kind`: absent, started, running, finished, lost or cancelled. `rc` is None until it has finished. `size` is the log's, in bytes."""

    kind: str
    rc: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Proof:
    """After a cancel: `left` are the processes of the command that are still there, by their number."""

    state: State
    left: tuple[int, ...]

    def __str__(self) -> str:
        if self.left:
            return f"{len(self.left)} of its processes could not be ended: {', '.join(map(str, self.left))}"
        return "had finished already" if self.state.kind == "finished" else "ended; none of its processes is left"


@cache
def script_hash() -> str:
    return hashlib.sha256(SCRIPT.read_bytes()).hexdigest()


def encoded(word: str) -> str:
    """%XX for every byte that a blank-separated line could not carry as it is."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in word.encode())


class Runner:
    """Every call raises Unreachable (nothing happened), Unanswered (ask `status`), or Refused with what the runner said."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def start(self, host: str, key: Key, argv: Sequence[str], *, epoch: int) -> State:
        """Starts the command, or attaches to what was started under this key. Returns at once."""
        words = ["--encoded", *map(encoded, argv)]
        return _state(self._ask(host, "start", key.run, key.step, str(epoch), *words).text)

    def status(self, host: str, key: Key) -> State:
        return _state(self._ask(host, "status", key.run, key.step).text)

    def follow(self, host: str, key: Key, *, offset: int, seconds: float) -> Iterator[bytes]:
        """The command's output from `offset` on, as it comes, until it has ended and all is read, or `seconds` (whole ones) have passed."""
        whole = max(0, int(seconds))
        argv = self._argv("follow", key.run, key.step, str(offset), str(whole))
        yield from self._door.stream(host, argv, deadline=whole + DEADLINE)

    def tail(self, host: str, key: Key, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of the output from `offset` on."""
        return self._ask(host, "tail", key.run, key.step, str(offset), str(limit)).out

    def cancel(self, host: str, key: Key, *, grace: int = 3) -> Proof:
        """TERM to everything that the command started, KILL after `grace` seconds, then looks who is left."""
        found = self._ask(host, "cancel", key.run, key.step, str(grace)).text
        words = found.split()
        return Proof(_state(found), tuple(int(word) for word in words[4:] if word.isdigit()))

    def ensure(self, host: str) -> None:
        """Raises Refused, with how to install it, where the host has no runner or another one."""
        self._ask(host, "status", "0", "ensure")

    def install(self, host: str) -> None:
        """Writes the runner through this connection, which must be allowed to use sudo for that."""
        folder, _, _ = PLACE.rpartition("/")
        for argv, stdin in (
            (("sudo", "mkdir", "-p", folder), b""),
            (("sudo", "tee", f"{PLACE}.new"), SCRIPT.read_bytes()),
            (("sudo", "chmod", "0755", f"{PLACE}.new"), b""),
            (("sudo", "mv", f"{PLACE}.new", PLACE), b""),
        ):
            done = self._door.run(host, argv, stdin=stdin, deadline=DEADLINE)
            if done.rc != 0:
                said = done.err.decode("utf-8", "replace").strip()
                raise Refused(f"{host}: the runner could not be installed: {' '.join(argv)} ended with {done.rc}. {said}", _INSTALL)

    def _argv(self, verb: str, *words: str) -> tuple[str, ...]:
        return (PLACE, f"@{script_hash()}", verb, *words)

    def _ask(self, host: str, verb: str, *words: str) -> Result:
        found = self._door.run(host, self._argv(verb, *words), deadline=DEADLINE)
        if found.rc == 0:
            return found
        said = (found.text or found.err.decode("utf-8", "replace")).strip()
        if found.rc in (126, 127) and not found.text.startswith("refused"):
            raise Refused(f"{host} has no runner at {PLACE}", _INSTALL)
        if said.startswith("refused runner:"):
            raise Refused(f"{host} has another version of the runner", _INSTALL)
        if found.rc == 3:
            raise Refused(f"{host}: the runner refused: {said.removeprefix('refused ')}", "See docs/hosts.md for what the runner asks for.")
        raise Unanswered(
            f"{host}: the runner ended with exit code {found.rc}: {said}", "Ask again: its files on the host say what happened."
        )


_INSTALL = "Install it with `manage.py install_runner`, or by the image; docs/hosts.md says how."


def _state(line: str) -> State:
    kind, rc, size = ([*line.split(), "", "", ""])[:3]
    if kind not in _KINDS or not size.isdigit():
        raise Unanswered(f"The runner's answer is none: {line[:200]!r}", "Ask again.")
    return State(kind, None if rc == "-" else int(rc), int(size))
