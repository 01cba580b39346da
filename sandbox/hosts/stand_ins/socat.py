"""`socat -T N - UNIX-CONNECT:PATH` or `TCP:HOST:PORT`, where socat is not installed."""

from __future__ import annotations

import os
import select
import socket
import sys


def main(address: str) -> int:
    kind, _, place = address.partition(":")
    wire = socket.socket(socket.AF_UNIX if kind == "UNIX-CONNECT" else socket.AF_INET)
    wire.settimeout(5)
    host, _, port = place.rpartition(":")
    wire.connect(place if kind == "UNIX-CONNECT" else (host, int(port)))
    heard: list[int | socket.socket] = [0, wire]
    while ready := select.select(heard, [], [], 3)[0]:
        if 0 in ready:
            if words := os.read(0, 65536):
                wire.sendall(words)
            else:
                heard.remove(0)
                wire.shutdown(socket.SHUT_WR)
        if wire in ready:
            if not (piece := wire.recv(65536)):
                return 0
            os.write(1, piece)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[-1]))
    except OSError as error:
        sys.exit(f"socat: {error}")
