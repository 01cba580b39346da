"""From a route to an open, proven and authenticated SSH transport, within a deadline."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from remote.errors import Denied, RemoteError, Unreachable
from remote.ssh import keys
from remote.ssh.routes import Route

KEEPALIVE = 15.0  # seconds without a word from us, after which the host is asked for one
SILENCE = 40.0  # seconds without a word from the host, after which the line is given up: noticed within 45
UNACKNOWLEDGED = 30  # seconds; the same for a line that is dead below SSH while we write
_WAKE = 5.0  # seconds; paramiko's thread looks up this often. Its own tenth of a second costs 2 % of a core at 100 hosts
_turns = threading.Semaphore(16)
CHECK_HOST = "Check that the host runs, its address and security group, and the console's network."


class Socket:
    """A connected socket that reads ahead: paramiko asks for a few bytes at a time."""

    def __init__(self, sock: socket.socket | paramiko.Channel) -> None:
        self._sock = sock
        self._ahead = b""
        self._heard = time.monotonic()
        self._closed = False  # paramiko asks for it

    def recv(self, size: int) -> bytes:
        if not self._ahead:
            self._ahead = self._sock.recv(32768)
            self._heard = time.monotonic()
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        return taken

    def send(self, data: bytes) -> int:
        return self._sock.send(data)

    def settimeout(self, seconds: float) -> None:
        self._sock.settimeout(seconds)

    def is_silent(self) -> bool:
        """Whether the host has not said a word for longer than one that lives would."""
        return time.monotonic() - self._heard > SILENCE

    def shut_down(self) -> None:
        """Wakes whoever reads."""
        with contextlib.suppress(OSError, EOFError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # a channel says goodbye on a line that may be gone
            self._sock.close()


class Transport(paramiko.Transport):
    """Asks for the host's certificate before its bare key, where it is an authority that makes the host known."""

    certified = False

    @property
    def preferred_keys(self) -> Sequence[str]:
        found = super().preferred_keys
        return tuple(sorted(found, key=lambda name: "-cert-" not in name)) if self.certified else found


def open_transport(route: Route, way: paramiko.Channel | None, until: float) -> tuple[paramiko.Transport, Socket]:
    """Authenticated, and its socket. `way` is an open channel on the last of the route's jumps; `until` is monotonic time.

    Raises Unreachable, HostKeyRefused (before anything of ours is sent) or Denied.
    """
    sock = Socket(way or _tcp(route, until - time.monotonic()))
    transport = Transport(sock)  # type: ignore[arg-type]
    try:
        with _in_turn():
            _shake_hands(route, transport, until)
            _authenticate(route, transport, until)
    except BaseException:
        sock.shut_down()
        transport.close()
        sock.close()
        raise
    sock.settimeout(_WAKE)
    transport.packetizer.set_keepalive(KEEPALIVE, lambda: _ask_for_a_word(transport, sock))
    return transport, sock


def shown_key(route: Route, until: float) -> paramiko.PKey:
    """The key that the host shows at this moment, whatever is pinned; nothing of ours is sent. For comparing it before it is pinned."""
    sock = Socket(_tcp(route, until - time.monotonic()))
    transport = paramiko.Transport(sock)  # type: ignore[arg-type]
    try:
        transport.banner_timeout = transport.handshake_timeout = max(until - time.monotonic(), 0.1)
        transport.start_client(timeout=max(until - time.monotonic(), 0.1))
        return transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unreachable(f"{route} does not speak SSH with us ({said_by(error)})", CHECK_HOST) from error
    finally:
        sock.shut_down()
        transport.close()
        sock.close()


@contextlib.contextmanager
def _in_turn() -> Iterator[None]:
    """A hundred handshakes at once fight for the interpreter: sixteen at a time are faster. One that hangs costs others a second."""
    has_turn = _turns.acquire(timeout=1.0)
    try:
        yield
    finally:
        if has_turn:
            _turns.release()


def _ask_for_a_word(transport: paramiko.Transport, sock: Socket) -> None:
    """Called by paramiko's thread. paramiko's own keep-alive asks for no answer, so that a host that went away would never be missed."""
    if sock.is_silent():
        sock.shut_down()
        return
    message = paramiko.Message()
    message.add_byte(cMSG_GLOBAL_REQUEST)
    message.add_string("keepalive@openssh.com")
    message.add_boolean(True)
    transport._send_user_message(message)  # type: ignore[attr-defined]


def _tcp(route: Route, seconds: float) -> socket.socket:
    try:
        sock = socket.create_connection((route.hostname, route.port), timeout=max(seconds, 0.1))
    except OSError as error:
        raise Unreachable(f"No connection to {route} ({said_by(error)})", CHECK_HOST) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it, each command waits 40 ms for a delayed acknowledgement
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED * 1000)
    return sock


def _shake_hands(route: Route, transport: Transport, until: float) -> None:
    pinned = [key.get_name() for key in keys.pinned(route)]
    transport.certified = not pinned and bool(keys.authorities(route))
    options = transport.get_security_options()
    kinds = list(options.key_types)
    options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm@" not in name)  # paramiko compares a MAC byte by byte, in Python
    options.key_types = sorted(kinds, key=lambda kind: not any(_same_kind(kind, name) for name in pinned))  # ask for a key that we know
    transport.banner_timeout = transport.handshake_timeout = max(until - time.monotonic(), 0.1)
    try:
        transport.start_client(timeout=max(until - time.monotonic(), 0.1))
        shown = transport.get_remote_server_key()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unreachable(f"{route} does not speak SSH with us ({said_by(error)})", CHECK_HOST) from error
    keys.check(route, shown)


def _same_kind(algorithm: str, key_name: str) -> bool:
    return algorithm == key_name or (key_name == "ssh-rsa" and algorithm.startswith("rsa-sha2"))


def _authenticate(route: Route, transport: paramiko.Transport, until: float) -> None:
    refused: RemoteError | None = None
    for key in keys.own(route):
        transport.auth_timeout = max(until - time.monotonic(), 0.1)
        try:
            transport.auth_publickey(route.user, key)
        except paramiko.AuthenticationException as error:
            if not transport.is_active() or time.monotonic() >= until:
                raise Unreachable(f"{route} did not answer to our key ({said_by(error)})", CHECK_HOST) from error
            refused = Denied(f"{route} refuses our key {key.fingerprint}", "Put the console's public key into the user's authorized_keys.")
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Unreachable(f"{route} broke off while we authenticated ({said_by(error)})", CHECK_HOST) from error
        if transport.is_authenticated():
            return
    raise refused or Denied(f"{route} asks for more than a key", "The console speaks with a key alone.")


def said_by(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _forget_turns() -> None:
    """In a forked child nobody has one."""
    global _turns
    _turns = threading.Semaphore(16)


os.register_at_fork(after_in_child=_forget_turns)
