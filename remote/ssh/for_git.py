"""What git calls where no `ssh` is installed: `python -m remote.ssh.for_git HOST COMMAND`, the "simple" variant of git.

The same routes and pinned keys as for hosts. Bytes are handed through in both directions; the command's exit code is ours.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import replace

import paramiko

from remote.errors import HostKeyRefused, RemoteError
from remote.ssh.handshake import open_transport
from remote.ssh.routes import Routes

CONNECT = 15.0  # seconds
PIECE = 1 << 16


def main(arguments: list[str]) -> int:
    *_, host, command = arguments
    user, _, alias = host.rpartition("@")
    route = Routes().find(alias)
    if route.jump is not None:
        raise RemoteError(f"{route} is behind another host", "Install the package openssh-client: it can go through a ProxyJump.")
    transport, _ = open_transport(replace(route, user=user or route.user), None, time.monotonic() + CONNECT)
    with contextlib.closing(transport):
        channel = transport.open_session(timeout=CONNECT)
        channel.exec_command(command)
        for work in (_give, _complain):
            threading.Thread(target=work, args=(channel,), daemon=True).start()
        while piece := channel.recv(PIECE):
            _write(1, piece)
        return channel.recv_exit_status()


def _give(channel: paramiko.Channel) -> None:
    """What git says goes to the other side."""
    with contextlib.suppress(OSError):
        while piece := os.read(0, PIECE):
            channel.sendall(piece)
        channel.shutdown_write()


def _complain(channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError):
        while piece := channel.recv_stderr(PIECE):
            _write(2, piece)


def _write(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HostKeyRefused as error:
        sys.exit(f"Host key verification failed. {error}")  # in OpenSSH's words, which are read by the caller
    except (RemoteError, paramiko.SSHException, OSError) as error:
        sys.exit(f"{error}")
