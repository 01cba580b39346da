"""The host's end of a played command: asks the sandbox over its socket, prints what comes, exits with the code that comes last.

Started as `python -I -S player.py SOCKET HOST NAME ARGUMENT…`. It imports nothing but C modules: with `socket` and `json` it would start
three times slower, and each `php` of the shop starts it. When this process is killed the socket closes, and the sandbox ends what it plays.
"""

from __future__ import annotations

import _socket
import posix
import sys


def received(wire: _socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        piece = wire.recv(length - len(content))
        if not piece:
            posix._exit(255)  # the sandbox has gone
        content += piece
    return content


def main(address: str, *asked: str) -> int:
    wire = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    wire.connect(address)
    settings = [name + b"=" + value for name, value in posix.environ.items() if name.startswith(b"AWS_")]  # no other name is asked for
    words = [word.encode("utf-8", "surrogateescape") for word in (posix.getcwd(), *asked)]
    question = b"\0".join((b"%d" % len(settings), *settings, *words))
    wire.sendall(len(question).to_bytes(4, "big") + question)
    while True:
        head = received(wire, 5)
        content = received(wire, int.from_bytes(head[1:], "big"))
        if head[:1] == b"r":
            return int(content)
        while content:
            content = content[posix.write(1 if head[:1] == b"o" else 2, content) :]


posix._exit(main(*sys.argv[1:]))
