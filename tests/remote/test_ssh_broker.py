"""The broker over its socket, and the door with and without it: the same answers and the same errors."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from remote.errors import AlreadyExists, Denied, HostKeyRefused, Refused, Unanswered, Unreachable
from remote.ssh.broker import serve
from remote.ssh.client import Door
from remote.ssh.connections import Result
from remote.ssh.frames import Wire, from_error, to_error
from tests.remote.sshd import SSHD, Estate, openssh, played


@pytest.fixture
def broker(tmp_path: Path, estate: Estate) -> Iterator[Path]:
    """A broker in a process of its own."""
    path = tmp_path / "broker"
    process = subprocess.Popen([sys.executable, "-m", "remote.ssh.broker", str(path)])
    wait_for_broker(path)
    yield path
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not path.exists()


def wait_for_broker(path: Path) -> None:
    until = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as sock:
            if sock.connect_ex(str(path)) == 0:
                return
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(params=["through the broker", "directly"])
def door(request: pytest.FixtureRequest, estate: Estate) -> Iterator[Door]:
    door = Door(request.getfixturevalue("broker") if request.param == "through the broker" else None)
    yield door
    door.close()


def test_the_same_answers(door: Door, estate: Estate) -> None:
    with played(estate, "host"):
        assert door.run("host", ["sh", "-c", "cat; echo no >&2; exit 4"], stdin=b"\0\xff") == Result(4, b"\0\xff", b"no\n")
        assert b"".join(door.stream("host", ["seq", "3"])) == b"1\n2\n3\n"
        assert len(door.run("host", ["head", "-c", "9000000", "/dev/zero"], deadline=20).out) == 9_000_000


def test_the_same_errors(door: Door, estate: Estate) -> None:
    with played(estate, "host"), played(estate, "stranger", pin=False):
        with pytest.raises(HostKeyRefused, match="stranger") as caught:
            door.run("stranger", ["true"])
        assert "known_hosts" in caught.value.next_step
        with pytest.raises(Unanswered, match="not done within"):
            door.run("host", ["sleep", "3"], deadline=0.3)
        with pytest.raises(Refused, match="ended with 5"):
            list(door.stream("host", ["sh", "-c", "exit 5"]))
        with pytest.raises(Refused, match="not a command"):
            door.run("host", [])
        estate.key.unlink()
        estate.add("keyless", estate.hosts["host"], None)
    with pytest.raises((Unreachable, Denied)):
        door.run("keyless", ["true"])


@pytest.mark.skipif(not SSHD, reason="OpenSSH's server is not installed")
def test_a_new_key_is_taken_without_a_restart_and_the_old_one_is_shown_no_more(door: Door, estate: Estate) -> None:
    """First in the same file, then in another that the ssh_config names beside it, then alone."""
    authorized = estate.folder / "sshd-host" / "authorized_keys"
    with openssh(estate, "host"):
        assert door.run("host", ["echo", "one"]).text == "one\n"
        old, second, third = estate.key.read_bytes(), made(estate, "second"), made(estate, "third")
        (estate.folder / "second").rename(estate.key)
        with pytest.raises(Denied, match="refuses our key"):
            door.run("host", ["true"])
        authorized.write_text(second)
        assert door.run("host", ["echo", "two"]).text == "two\n"
        config = estate.config.read_text()
        both = f"IdentityFile {estate.folder / 'third'}\n  IdentityFile {estate.key}"
        estate.config.write_text(config.replace(f"IdentityFile {estate.key}", both))
        assert door.run("host", ["echo", "both"]).text == "both\n", "the host knows one of the two"
        authorized.write_text(third)
        estate.config.write_text(config.replace(str(estate.key), str(estate.folder / "third")))
        assert door.run("host", ["echo", "three"]).text == "three\n"
        estate.key.write_bytes(old)
        estate.config.write_text(config)
        with pytest.raises(Denied, match="refuses our key"):
            door.run("host", ["true"])


def made(estate: Estate, name: str) -> str:
    """A key in the estate's folder; its line for `authorized_keys`."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(estate.folder / name)
    (estate.folder / name).chmod(0o600)
    return key.export_public_key().decode()


def test_many_hosts_at_once(door: Door, estate: Estate) -> None:
    with played(estate, "a"), played(estate, "b"), played(estate, "c", pin=False):
        found = door.run_many(["b", "c", "a"], ["echo", "here"])
    assert list(found) == ["b", "c", "a"]
    assert found["a"] == found["b"] == Result(0, b"here\n", b"")
    assert isinstance(found["c"], HostKeyRefused)
    assert door.run_many([], ["true"]) == {}


def test_many_slow_hosts_are_waited_for_together(door: Door, estate: Estate, tmp_path: Path) -> None:
    """Each command ends when the other has begun: one after the other they would wait for ever."""
    meet = f"cd {tmp_path}; mkdir one 2>&- || mkdir two; until [ -d one ] && [ -d two ]; do sleep 0.05; done"
    with played(estate, "a"), played(estate, "b"):
        found = door.run_many(["a", "b"], ["sh", "-c", meet], deadline=20)
    assert [result.rc for result in found.values() if isinstance(result, Result)] == [0, 0]


def test_connections_are_shared_by_processes(broker: Path, estate: Estate) -> None:
    with played(estate, "host") as server:
        door = Door(broker)
        assert door.run("host", ["true"]).rc == 0
        child = os.fork()
        if child == 0:
            os._exit(Door(broker).run("host", ["true"]).rc + door.run("host", ["true"]).rc)
        assert os.waitpid(child, 0)[1] == 0
        assert door.run("host", ["true"]).rc == 0
        assert server.accepted == 1
        door.close()


def test_a_door_without_a_broker_survives_a_fork(estate: Estate) -> None:
    with played(estate, "host") as server:
        door = Door()
        assert door.run("host", ["true"]).rc == 0
        child = os.fork()
        if child == 0:
            os._exit(door.run("host", ["true"]).rc)
        assert os.waitpid(child, 0)[1] == 0
        assert door.run("host", ["true"]).rc == 0
        assert server.accepted == 2
        door.close()


def test_the_socket_is_ours_alone(broker: Path) -> None:
    assert stat.S_IMODE(broker.stat().st_mode) == 0o600


def test_a_second_broker_refuses(broker: Path) -> None:
    with pytest.raises(AlreadyExists, match="Another broker"):
        serve(broker, threading.Event())
    assert broker.exists()


def test_a_dead_broker_s_socket_is_no_hindrance(tmp_path: Path, estate: Estate) -> None:
    path = tmp_path / "broker"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with played(estate, "host") as server:
        door = Door(path)
        assert door.run("host", ["echo", "direct"]).text == "direct\n"
        stop = threading.Event()
        serving = threading.Thread(target=serve, args=(path, stop))
        serving.start()
        wait_for_broker(path)
        door.close()
        assert door.run("host", ["echo", "served"]).text == "served\n"
        assert server.accepted == 2
        door.close()
        stop.set()
        serving.join(10)


def test_a_broker_that_dies_leaves_the_command_uncertain_and_the_door_usable(tmp_path: Path, estate: Estate) -> None:
    path = tmp_path / "broker"
    process = subprocess.Popen([sys.executable, "-m", "remote.ssh.broker", str(path)])
    wait_for_broker(path)
    with played(estate, "host"):
        door = Door(path)
        pieces = door.stream("host", ["sh", "-c", "echo one; sleep 20"])
        assert next(pieces) == b"one\n"
        process.kill()
        process.wait(10)
        with pytest.raises(Unanswered, match="broker"):
            next(pieces)
        assert door.run("host", ["echo", "direct"]).text == "direct\n"
        door.close()


def test_leaving_a_stream_frees_its_channel(broker: Path, estate: Estate) -> None:
    with played(estate, "host") as server:
        door = Door(broker)
        for _ in range(20):  # more than a connection carries at once
            pieces = door.stream("host", ["sh", "-c", "echo one; sleep 60"])
            assert next(pieces) == b"one\n"
            pieces.close()  # type: ignore[attr-defined]
            time.sleep(0.15)
        assert server.accepted <= 2
        door.close()


def test_an_error_travels_as_its_class() -> None:
    for kind in (HostKeyRefused, Denied, Unreachable, Unanswered, Refused):
        back = to_error(from_error(kind("what", "now")))
        assert (type(back), str(back), back.next_step) == (kind, "what", "now")


def test_a_frame_too_large_hangs_up(broker: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(broker))
        sock.sendall(b"\xff" * 8)
        assert sock.recv(1) == b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(broker))
        assert not Wire(sock).has_hung_up()


def test_the_broker_costs_little(broker: Path, estate: Estate) -> None:
    """Warm: at most 2 ms more than a connection of one's own, by the best of many (others may use the machine)."""

    def took(door: Door) -> float:
        times = []
        for _ in range(60):
            started = time.perf_counter()
            door.run("host", ["true"])
            times.append(time.perf_counter() - started)
        return min(times)

    with played(estate, "host"):
        through, directly = Door(broker), Door()
        took(through), took(directly)
        assert took(through) - took(directly) < 0.002
        through.close()
        directly.close()
