"""`socat -t N - UNIX-CONNECT:PATH` or `TCP:HOST:PORT`, where socat is not installed."""

from __future__ import annotations

import os
import socket
import sys


def main(address: str) -> int:
    kind, _, place = address.partition(":")
    wire = socket.socket(socket.AF_UNIX if kind == "UNIX-CONNECT" else socket.AF_INET)
    wire.settimeout(5)
    host, _, port = place.rpartition(":")
    wire.connect(place if kind == "UNIX-CONNECT" else (host, int(port)))
    wire.sendall(sys.stdin.buffer.read())
    wire.shutdown(socket.SHUT_WR)
    while piece := wire.recv(65536):
        os.write(1, piece)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[-1]))
    except OSError as error:
        sys.exit(f"socat: {error}")
