"""What travels between the broker and its borrowers: a JSON object and some bytes, their lengths before them; errors as their class."""

from __future__ import annotations

import json
import select
import socket
import struct
from typing import Any

from remote import errors
from remote.errors import RemoteError, Unanswered

_HEADER = struct.Struct("!II")
LARGEST = 64 * 1024 * 1024
_ERRORS: dict[str, type[RemoteError]] = {
    each.__name__: each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RemoteError)
}

Frame = tuple[dict[str, Any], bytes]


class Hungup(Exception):
    """The other side closed its end between two frames, or in the middle of one."""


def packed(head: dict[str, Any], body: bytes = b"") -> bytes:
    text = json.dumps(head, separators=(",", ":")).encode()
    return _HEADER.pack(len(text), len(body)) + text + body


class Wire:
    """One end of the unix socket. Raises Hungup, and TimeoutError as the socket's time-out says."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._ahead = bytearray()

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        try:
            self.sock.sendall(packed(head, body))
        except ConnectionError as error:
            raise Hungup from error

    def receive(self) -> Frame:
        text_size, body_size = _HEADER.unpack(self._take(_HEADER.size))
        if text_size + body_size > LARGEST:
            raise Hungup(f"a frame of {text_size + body_size} bytes")
        return json.loads(self._take(text_size)), self._take(body_size)

    def has_hung_up(self) -> bool:
        """Whether the other side closed its end; does not wait."""
        try:
            poll = select.poll()  # one each time: several threads ask at once
            poll.register(self.sock, select.POLLIN)
            # Asked first whether there is anything to read: a socket with a time-out waits, whatever the flags of recv say.
            return not self._ahead and bool(poll.poll(0)) and not self.sock.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        self.sock.close()

    def _take(self, size: int) -> bytes:
        while len(self._ahead) < size:
            try:
                piece = self.sock.recv(max(size - len(self._ahead), 65536))
            except ConnectionError as error:
                raise Hungup from error
            if not piece:
                raise Hungup
            self._ahead += piece
        taken = bytes(self._ahead[:size])
        del self._ahead[:size]
        return taken


def from_error(error: RemoteError) -> dict[str, Any]:
    """The nearest class of the tree, for classes that only this package knows."""
    name = next(cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _ERRORS)
    return {"error": name, "message": str(error), "next_step": error.next_step}


def to_error(head: dict[str, Any]) -> RemoteError:
    return _ERRORS.get(head["error"], Unanswered)(head["message"], head["next_step"])
