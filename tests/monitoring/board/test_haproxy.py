"""HAProxy's table of its servers, read as the real HAProxy writes it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.board import haproxy
from monitoring.board.checking import BAD, OK, UNKNOWN, WARN, CannotCheck

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
CONFIG = """
global
    stats socket {socket} mode 600 level user
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen good
    bind 127.0.0.1:{front}
    server up 127.0.0.1:{open} check inter 100ms fall 1 rise 1
    server down 127.0.0.1:9 check inter 100ms fall 1 rise 1
backend unchecked
    server win 127.0.0.1:{open}
backend empty
"""


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


@pytest.fixture
def table(tmp_path: Path) -> Iterator[str]:
    """What Debian's HAProxy answers to `show stat`, once its checks have run."""
    assert HAPROXY
    listening = socket.create_server(("127.0.0.1", 0), backlog=50)
    place = tmp_path / "s"
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG.format(socket=place, front=free_port(), open=listening.getsockname()[1]))
    process = subprocess.Popen([HAPROXY, "-db", "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        guard = time.monotonic() + 60
        while True:
            assert process.poll() is None, "HAProxy refused its configuration"
            assert time.monotonic() < guard
            found = asked(place)
            if "L4CON" in found and "L4OK" in found:
                break
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(20)
        listening.close()


def asked(place: Path) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(place))
        except OSError:
            return ""
        connection.sendall(b"show stat\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode()


@pytest.mark.skipif(HAPROXY is None, reason="no HAProxy is installed here")
def test_the_real_haproxy_s_servers(table: str) -> None:
    found = {each.key: each for each in haproxy.back_ends(table)}
    assert set(found) == {"good/up", "good/down", "unchecked/win", "empty/BACKEND"}
    assert found["good/up"].state == OK
    assert "L4OK" in found["good/up"].said
    assert found["good/down"].state == BAD
    assert "L4CON" in found["good/down"].said
    assert found["unchecked/win"].state == UNKNOWN
    assert "nothing proves" in found["unchecked/win"].said
    assert found["empty/BACKEND"].state in (OK, BAD)  # HAProxy calls a back end without servers UP or DOWN, as its version has it


def test_a_server_on_its_way_down_needs_a_look() -> None:
    (found,) = haproxy.back_ends("# pxname,svname,status,type,lastchg,check_status,check_code,\nb,s,UP 1/3,2,4,L4TOUT,,\n")
    assert found.state == WARN


@pytest.mark.parametrize("text", ["", "<html>", "Unknown command.\n", "# pxname,svname,\na,b\n", "# pxname,svname,status,type,\n"])
def test_what_is_no_table_cannot_be_checked(text: str) -> None:
    with pytest.raises(CannotCheck, match="HAProxy"):
        haproxy.back_ends(text)
