"""The runner's verbs, asked over SSH: commands on a host that outlive every connection, each once for its key.

The script, `runner.sh`, says what stands where on the host. A call is one SSH command and carries the script's hash:
a runner of another version refuses.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast, get_args

from remote import observing
from remote.errors import Busy, Refused, RemoteError, Unanswered
from remote.ssh.client import Door
from remote.ssh.connections import Result, quoted

PLACE = "/opt/opsconsole/runner"
STATE = "/var/lib/opsconsole"
SCRIPT = Path(__file__).with_name("runner.sh")
REFUSED = 97  # the exit code of a runner that refuses
DEADLINE = 8.0  # seconds for a call that only looks or starts: below half of the engine's lease
_PLAIN = frozenset(string.ascii_letters + string.digits + "_./:=,+@-")
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
Kind = Literal["absent", "started", "running", "finished", "lost", "cancelled"]


@dataclass(frozen=True, slots=True)
class Key:
    """Names one command for ever. Raises Refused for names that the runner would refuse."""

    run: str
    step: str

    def __post_init__(self) -> None:
        for name in (self.run, self.step):
            if not _KEY.fullmatch(name):
                raise Refused(f"{name!r} cannot name a run or a step on a host", "Use a-z 0-9 . _ - (64 at most), a letter or digit first.")


@dataclass(frozen=True, slots=True)
class State:
    """`started` is what `start` says the first time; `lost`: it began, nobody lives, and no code was left (the host rebooted).

    `rc` is None where there is none. `size` is the log's, in bytes. `left`: the processes of a cancelled command that are still there.
    """

    kind: Kind
    rc: int | None
    size: int
    left: tuple[int, ...] = ()


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
    """%XX for every byte that a blank-separated line could not carry as it is, % alone for nothing."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in word.encode("utf-8", "surrogateescape")) or "%"


class Runner:
    """Every call raises Unreachable (nothing happened), Unanswered (ask `status`), or Refused with what the runner said."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def start(self, host: str, key: Key, argv: Sequence[str], *, epoch: int) -> State:
        """Starts the command, or attaches to what was started under this key. Returns at once.

        Refused for an epoch older than the key has seen, and for another command than the key's.
        """
        observing.refuse(f"{host}: {argv[0] if argv else 'nothing'}")
        return _state(self._ask(host, "start", key.run, key.step, str(epoch), *_words(argv)).text)

    def attend(self, host: str, key: Key, argv: Sequence[str], *, epoch: int, offset: int, seconds: float) -> tuple[State, Iterator[bytes]]:
        """`start` and `follow` in one SSH command: the first line comes a round trip earlier."""
        observing.refuse(f"{host}: {argv[0] if argv else 'nothing'}")
        whole = max(0, int(seconds))
        words = self._argv("attend", key.run, key.step, str(epoch), str(offset), str(whole), *_words(argv))
        pieces = self._stream(host, words, whole)
        head = b""
        while b"\n" not in head:
            piece = next(pieces, None)
            if piece is None:
                raise Unanswered(f"{host}: the runner said nothing", "Ask again: its files on the host say what happened.")
            head += piece
        line, _, first = head.partition(b"\n")
        return _state(line.decode("utf-8", "replace")), _after(first, pieces)

    def status(self, host: str, key: Key) -> State:
        return _state(self._ask(host, "status", key.run, key.step).text)

    def follow(self, host: str, key: Key, *, offset: int, seconds: float) -> Iterator[bytes]:
        """The command's output from `offset` on, as it comes, until it has ended and all is read, or `seconds` (whole ones) have passed."""
        whole = max(0, int(seconds))
        yield from self._stream(host, self._argv("follow", key.run, key.step, str(offset), str(whole)), whole)

    def tail(self, host: str, key: Key, *, offset: int, limit: int) -> bytes:
        """At most `limit` bytes of the output from `offset` on."""
        return self._ask(host, "tail", key.run, key.step, str(offset), str(limit)).out

    def cancel(self, host: str, key: Key, *, grace: int = 3) -> Proof:
        """TERM to everything that the command started, KILL after `grace` seconds, then looks who is left. The key never starts again."""
        state = _state(self._ask(host, "cancel", key.run, key.step, str(grace), deadline=grace + DEADLINE).text)
        return Proof(state, state.left)

    def probe(self, host: str, argv: Sequence[str], *, deadline: float = DEADLINE) -> Result:
        """A question, run directly and ended on the host before the deadline: for a console whose key may only run the runner."""
        return self._ask(host, "probe", str(max(1, int(deadline) - 2)), *_words(argv), deadline=deadline)

    def probe_many(self, hosts: Sequence[str], argv: Sequence[str], *, deadline: float = DEADLINE) -> dict[str, Result | RemoteError]:
        """The same question to all hosts at once: by host, in the order given, what came of it."""
        words = self._argv("probe", str(max(1, int(deadline) - 2)), *_words(argv))
        return {host: _probed(host, found) for host, found in self._door.run_many(hosts, words, deadline=deadline).items()}

    def ensure(self, host: str) -> None:
        """Raises Refused, with how to install it, where the host has no runner or another one."""
        self._ask(host, "status", "0", "ensure")

    def install(self, host: str) -> None:
        """Writes the runner through this connection, which must be allowed to use sudo for that, and gives its folder to the SSH user."""
        user = self._door.run(host, ("id", "-un"), deadline=DEADLINE).text.strip()
        self.put(host, PLACE, SCRIPT.read_bytes())
        self._must(host, ("sudo", "install", "-d", "-m", "0700", "-o", user, STATE))

    def put(self, host: str, place: str, content: bytes) -> None:
        """A program of the console at an absolute path on the host, whole or not at all; the connection must be allowed to use sudo."""
        observing.refuse(f"{host}: {place}")
        folder, _, _ = place.rpartition("/")
        self._must(host, ("sudo", "mkdir", "-p", folder))
        self._must(host, ("sudo", "tee", f"{place}.new"), content)
        self._must(host, ("sudo", "chmod", "0755", f"{place}.new"))
        self._must(host, ("sudo", "mv", f"{place}.new", place))

    def read(self, host: str, argv: Sequence[str], *, seconds: int) -> Iterator[bytes]:
        """What a question prints, piece by piece and never as a whole; Refused where it ended with another code than 0."""
        yield from self._stream(host, self._argv("probe", str(seconds), *_words(argv)), seconds)

    def _must(self, host: str, argv: Sequence[str], stdin: bytes = b"") -> None:
        done = self._door.run(host, argv, stdin=stdin, deadline=DEADLINE)
        if done.rc != 0:
            said = done.err.decode("utf-8", "replace").strip()
            raise Refused(f"{host}: it could not be installed: {' '.join(argv)} ended with {done.rc}. {said}", _INSTALL)

    def _argv(self, verb: str, *words: str) -> tuple[str, ...]:
        return (PLACE, f"@{script_hash()}", verb, *words)

    def _ask(self, host: str, verb: str, *words: str, deadline: float = DEADLINE) -> Result:
        found = self._door.run(host, self._argv(verb, *words), deadline=deadline)
        if complaint := _complaint(host, found):
            raise complaint
        if found.rc != 0 and verb != "probe":
            said = (found.out or found.err).decode("utf-8", "replace").strip()
            raise Unanswered(f"{host}: the runner ended with {found.rc}: {said}", "Ask again: its files on the host say what happened.")
        return found

    def _stream(self, host: str, argv: Sequence[str], seconds: int) -> Iterator[bytes]:
        try:
            yield from self._door.stream(host, argv, deadline=seconds + DEADLINE)
        except Refused as error:
            if "ended with 127" in str(error) or "ended with 126" in str(error):
                raise Refused(f"{host} has no runner at {PLACE}", _INSTALL) from error
            raise


_INSTALL = "Install it with `manage.py install_runner`, or by the image; docs/hosts.md says how."


def _words(argv: Sequence[str]) -> list[str]:
    quoted(argv)  # refuses what no argv can carry
    return ["--encoded", *map(encoded, argv)]


def _after(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces


def _complaint(host: str, found: Result) -> RemoteError | None:
    """What the runner itself says against the call; None where it did as it was told."""
    if found.rc == REFUSED or (found.rc != 0 and found.out.startswith(b"refused runner:")):
        return _refusal(host, (found.out or found.err).decode("utf-8", "replace").strip())
    if found.rc in (126, 127) and not found.out and not found.err.startswith(b"timeout: "):  # `timeout` speaks of a probed command
        return Refused(f"{host} has no runner at {PLACE}", _INSTALL)
    return None


def _probed(host: str, found: Result | RemoteError) -> Result | RemoteError:
    return found if isinstance(found, RemoteError) else _complaint(host, found) or found


def _refusal(host: str, said: str) -> RemoteError:
    why = said.removeprefix("refused ")
    if why.startswith("runner:"):
        return Refused(f"{host} has another version of the runner", _INSTALL)
    if why.startswith("busy:"):
        return Busy(f"{host}: the runner refused: {why}", "Ask again in a moment.")
    return Refused(f"{host}: the runner refused: {why}", "See docs/hosts.md for what the runner asks for.")


def _state(line: str) -> State:
    """Raises Refused where the line says so."""
    if line.startswith("refused "):
        raise _refusal("The host", line.strip())
    kind, rc, size, _, *left = [*line.split(), "", "", "", ""]
    if kind not in get_args(Kind) or not size.isdigit():
        raise Unanswered(f"The runner's answer is none: {line[:200]!r}", "Ask again.")
    return State(cast(Kind, kind), None if rc == "-" else int(rc), int(size), tuple(int(pid) for pid in left if pid.isdigit()))
