"""One connection to one host, and the commands on it. Which connection is lent to whom lives in `remote.ssh.pool`.

No terminal is asked for: with one, a command would die when the connection breaks, and its output would be changed.
Closing a channel does not end a command that runs; what must be ended, resumed or proven goes through `remote.ssh.runner`.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from remote.errors import Refused, Unanswered, Unreachable
from remote.ssh.handshake import CHECK_HOST, Socket, open_transport, said_by
from remote.ssh.routes import Route

OUTPUT_LIMIT = 16 * 1024 * 1024
_PIECE = 64 * 1024
_LOOK_UP = 1.0  # seconds between two looks whether anybody still waits
CHECK_COMMAND = "It may have run. Look at what it changes before you repeat it."

# What paramiko writes to its log leaves here as an error.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Result:
    """`rc` is −1 where the command was ended by a signal."""

    rc: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "replace")


def quoted(argv: Sequence[str]) -> str:
    """The one function that makes a line for a remote shell. Raises Refused for what no argv can carry."""
    if not argv or not argv[0] or any("\0" in word for word in argv):
        raise Refused(f"{list(argv)!r} is not a command", "A command is a list of words without NUL.")
    return shlex.join(argv)


Wanted = Callable[[], bool]


def always() -> bool:
    return True


class Connection:
    """Authenticated and open. Any number of threads may run commands on it at once."""

    def __init__(self, route: Route, transport: paramiko.Transport, sock: Socket) -> None:
        self.route = route
        self.since = time.monotonic()
        self._transport = transport
        self._sock = sock
        self._doubtful = False

    @property
    def is_usable(self) -> bool:
        """False once it broke, or let a request for a channel wait in vain."""
        return self._transport.is_active() and not self._doubtful and not self.is_silent

    @property
    def is_silent(self) -> bool:
        """True when the host has not said a word for so long that it must be gone."""
        return self._sock.is_silent()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", deadline: float, wanted: Wanted = always) -> Result:
        """The whole command, within `deadline` seconds. Any exit code is a Result. `wanted` is asked each second; False gives up.

        Raises Unreachable (certain that it did not start), Refused (the host would not start it) or Unanswered (it may have run).
        """
        with contextlib.closing(_Command(self, quoted(argv), deadline, wanted)) as command:
            command.feed(stdin)
            out, err = bytearray(), bytearray()
            for piece, is_error in command.pieces():
                (err if is_error else out).extend(piece)
                if len(out) + len(err) > OUTPUT_LIMIT:
                    raise Unanswered(f"{argv[0]} on {self.route} printed more than {OUTPUT_LIMIT} bytes", "Read it as a stream.")
            return Result(command.exit_code(), bytes(out), bytes(err))

    def stream(self, argv: Sequence[str], *, deadline: float, wanted: Wanted = always) -> Iterator[bytes]:
        """What the command prints, as it comes. Raises Refused, with the end of its errors, where it ends with another code than 0."""
        with contextlib.closing(_Command(self, quoted(argv), deadline, wanted)) as command:
            command.feed(b"")
            errors = b""
            for piece, is_error in command.pieces():
                if is_error:
                    errors = (errors + piece)[-4096:]
                else:
                    yield piece
            if code := command.exit_code():
                said = errors.decode("utf-8", "replace").strip()
                raise Refused(f"{argv[0]} on {self.route} ended with {code}: {said}", "Read what it printed.")

    def open_channel(self, deadline: float) -> paramiko.Channel:
        """Raises NoChannel where the host allows no further one on this connection, else Unreachable."""
        return self._opened(deadline, "session")

    def open_way_to(self, hostname: str, port: int, deadline: float) -> paramiko.Channel:
        """A connection from the host on to another one (ProxyJump)."""
        return self._opened(deadline, "direct-tcpip", (hostname, port))

    def close(self) -> None:
        self._sock.shut_down()
        self._transport.close()

    def doubt(self) -> None:
        """No new command will be started here."""
        self._doubtful = True

    def _opened(self, deadline: float, kind: str, to: tuple[str, int] | None = None) -> paramiko.Channel:
        try:
            here = ("127.0.0.1", 0) if to else None
            return self._transport.open_channel(kind, to, here, timeout=deadline)
        except paramiko.ChannelException as error:
            raise NoChannel(f"{self.route} opens no channel: {error}", "It is tried on another connection.") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.doubt()
            raise Unreachable(f"The connection to {self.route} broke before the command was sent ({said_by(error)})", CHECK_HOST) from error


class NoChannel(Unreachable):
    """The host lives and refuses one more channel on this connection (OpenSSH: MaxSessions, 10 by default)."""


class _Command:
    """One command on one channel: feed it, take its pieces, ask for its code, close it."""

    def __init__(self, connection: Connection, line: str, deadline: float, wanted: Wanted) -> None:
        self._wanted = wanted
        self._until = time.monotonic() + deadline
        self._deadline = deadline
        self._connection = connection
        self._name = f"{line.split(' ', 1)[0]} on {connection.route}"
        self._channel = connection.open_channel(deadline)
        self._bell = threading.Event()
        side = _Side(self._bell)
        self._channel.in_buffer.set_event(side)
        self._channel.in_stderr_buffer.set_event(side)
        self._request(line)

    def feed(self, stdin: bytes) -> None:
        try:
            if stdin:
                self._channel.settimeout(self._left())
                self._channel.sendall(stdin)
            self._channel.shutdown_write()
        except TimeoutError as error:
            raise self._late() from error
        except OSError as error:
            if not self._channel.closed:
                raise self._lost() from error
            # It ended without reading all of its input: its code says whether that is wrong.

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        """(bytes, whether they are from stderr) until the command has closed both."""
        channel = self._channel
        while True:
            self._bell.clear()
            ended = channel.closed or channel.eof_received  # asked before the buffers are emptied, else the last bytes could be missed
            while channel.recv_ready():
                yield self._taken(channel.recv), False
            while channel.recv_stderr_ready():
                yield self._taken(channel.recv_stderr), True
            if ended:
                return
            while not self._bell.wait(min(self._left(), _LOOK_UP)):
                if not self._left():
                    raise self._late()
                if self._connection.is_silent:
                    raise self._lost()
                if not self._wanted():
                    raise Unanswered(f"Nobody waits for {self._name} any more", CHECK_COMMAND)

    def _taken(self, receive: Callable[[int], bytes]) -> bytes:
        """Taking a piece also tells the host to send more, and that may fail."""
        try:
            return receive(_PIECE)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost() from error

    def exit_code(self) -> int:
        if not self._channel.status_event.wait(self._left()):
            raise self._late()
        if self._channel.exit_status == -1:
            if not self._connection.is_usable:
                raise self._lost()
            if not self._channel.event_ready:
                raise Refused(f"The host would not start {self._name}", "Look at the host's sshd log.")
        return self._channel.exit_status

    def close(self) -> None:
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._channel.close()

    def _request(self, line: str) -> None:
        """As Channel.exec_command does, but without its wait, which has no end: that the command started is seen by what follows."""
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)
        message.add_string(line)
        self._channel._event_pending()  # type: ignore[attr-defined]
        try:
            self._connection._transport._send_user_message(message)  # type: ignore[attr-defined]
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost() from error

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 0.0)

    def _late(self) -> Unanswered:
        if not self._channel.event_ready:  # not even the request was answered: nobody else should wait here
            self._connection.doubt()
        return Unanswered(f"{self._name} was not done within {self._deadline:.1f} s", CHECK_COMMAND)

    def _lost(self) -> Unanswered:
        self._connection.doubt()
        return Unanswered(f"The connection broke while {self._name} ran", CHECK_COMMAND)


class _Side(threading.Event):
    """Rings the bell for one of two buffers; a buffer that was emptied must not silence the other's ring."""

    def __init__(self, bell: threading.Event) -> None:
        super().__init__()
        self._bell = bell

    def set(self) -> None:
        self._bell.set()

    def clear(self) -> None:
        """Left to the reader."""


def connect(route: Route, *, deadline: float, via: Connection | None = None) -> Connection:
    """Connects and authenticates within `deadline` seconds; `via` is the open connection to the last of the route's jumps.

    Raises Unreachable, HostKeyRefused (before anything of ours is sent) or Denied.
    """
    until = time.monotonic() + deadline
    way = via.open_way_to(route.hostname, route.port, deadline) if via else None
    return Connection(route, *open_transport(route, way, until))
