"""The host's end of a played command: asks the sandbox over its socket, prints what comes, exits with the code that comes last.

Started as `python -S -E -s player.py SOCKET HOST NAME ARGUMENT…`; standard library only. When this process is killed the socket closes, and
the sandbox ends what it plays.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main(address: str, host: str, *argv: str) -> int:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.connect(address)
        wire.sendall(json.dumps({"host": host, "argv": argv, "cwd": os.getcwd()}).encode() + b"\n")
        with wire.makefile("rb") as frames:
            while head := frames.read(5):
                kind, length = head[:1], int.from_bytes(head[1:], "big")
                content = frames.read(length)
                if kind == b"r":
                    return int(content)
                _print(1 if kind == b"o" else 2, content)
    return 255


def _print(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
