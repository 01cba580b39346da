"""Commands over SSH against real servers: results, refusals, deadlines, and what is certain after each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import pytest

from remote.errors import Denied, HostKeyRefused, Refused, Unanswered, Unreachable
from remote.ssh import handshake
from remote.ssh.connections import quoted
from remote.ssh.pool import Pool
from tests.remote.sshd import SSHD, Estate, openssh, played

NASTY = ["a b", "", "$(touch x)", "`id`", ";", "'", '"', "\\", "*", "é€😀", "\n", "-n", "--", "~", "!!", "\t", "a'b\"c"]


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def test_every_word_arrives_as_it_was_written(pool: Pool, host: str) -> None:
    result = pool.run(host, ["printf", "%s\\0", *NASTY], deadline=10)
    assert result.out.decode().split("\0")[:-1] == NASTY
    assert (result.rc, result.err) == (0, b"")


def test_code_output_errors_and_input(pool: Pool, host: str) -> None:
    result = pool.run(host, ["sh", "-c", "cat; echo wrong >&2; exit 7"], stdin=b"in\0put\xff", deadline=10)
    assert (result.rc, result.out, result.err) == (7, b"in\0put\xff", b"wrong\n")


def test_the_cheapest_cipher_is_taken_where_the_host_has_it(pool: Pool, host: str) -> None:
    pool.run(host, ["true"], deadline=10)
    (lines,) = (each.lines for each in pool._hosts.values())
    assert "-gcm@" in lines[0].connection._transport.remote_cipher  # type: ignore[attr-defined]


def test_much_on_both_sides_does_not_block(pool: Pool, host: str) -> None:
    script = "head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2"
    result = pool.run(host, ["sh", "-c", script], deadline=30)
    assert (len(result.out), len(result.err)) == (5_000_000, 10_000_000)


def test_much_input_and_a_command_that_does_not_read_it(pool: Pool, host: str) -> None:
    assert pool.run(host, ["wc", "-c"], stdin=b"x" * 3_000_000, deadline=20).text.strip() == "3000000"
    assert pool.run(host, ["false"], stdin=b"x", deadline=20).rc == 1


def test_too_much_output_is_refused_in_words(pool: Pool, host: str) -> None:
    with pytest.raises(Unanswered, match="more than"):
        pool.run(host, ["head", "-c", "17000000", "/dev/zero"], deadline=30)
    assert len(pool.run(host, ["head", "-c", "1000", "/dev/zero"], deadline=10).out) == 1000


def test_a_slow_command_ends_at_its_deadline_and_the_connection_stays(pool: Pool, host: str) -> None:
    pool.run(host, ["true"], deadline=10)
    started = time.monotonic()
    with pytest.raises(Unanswered, match=r"sleep on host .* was not done within 0\.5 s"):
        pool.run(host, ["sleep", "60"], deadline=0.5)
    assert time.monotonic() - started < 30
    assert pool.run(host, ["echo", "still here"], deadline=10).text == "still here\n"


def test_nobody_waits_any_more(pool: Pool, host: str) -> None:
    with pytest.raises(Unanswered, match="Nobody waits"):
        pool.run(host, ["sleep", "5"], deadline=10, wanted=lambda: False)


def test_a_stream_comes_as_it_is_written(pool: Pool, host: str) -> None:
    pieces = pool.stream(host, ["sh", "-c", "echo one; sleep 0.7; echo two"], deadline=10)
    assert next(pieces) == b"one\n"
    started = time.monotonic()
    assert next(pieces) == b"two\n"
    assert time.monotonic() - started > 0.3
    assert list(pieces) == []


def test_a_stream_says_how_its_command_failed(pool: Pool, host: str) -> None:
    pieces = pool.stream(host, ["sh", "-c", "echo one; echo no such thing >&2; exit 3"], deadline=10)
    with pytest.raises(Refused, match="ended with 3: no such thing"):
        assert list(pieces) == [b"one\n"]


def test_a_stream_can_be_left(pool: Pool, host: str) -> None:
    pieces = pool.stream(host, ["sh", "-c", "echo one; sleep 30"], deadline=60)
    assert next(pieces) == b"one\n"
    pieces.close()  # type: ignore[attr-defined]
    assert pool.run(host, ["true"], deadline=5).rc == 0


def test_a_crowd_shares_one_connection(pool: Pool, estate: Estate) -> None:
    with played(estate, "host") as server:
        with ThreadPoolExecutor(8) as crowd:
            results = list(crowd.map(lambda n: pool.run("host", ["echo", str(n)], deadline=10).text.strip(), range(40)))
        assert results == [str(n) for n in range(40)]
        assert server.accepted == 1


def test_more_at_once_than_the_host_allows_on_one_connection(pool: Pool, estate: Estate) -> None:
    if not SSHD:
        pytest.skip("OpenSSH's sshd is not installed: this test did not run")
    with openssh(estate, "host", options="MaxSessions 2\n"), ThreadPoolExecutor(9) as crowd:
        gate = threading.Barrier(9)

        def sleep(n: int) -> int:
            gate.wait()
            return pool.run("host", ["sh", "-c", f"sleep 0.5; exit {n}"], deadline=15).rc

        assert list(crowd.map(sleep, range(9))) == list(range(9))


def test_a_connection_that_died_is_opened_again(pool: Pool, estate: Estate) -> None:
    with played(estate, "host") as server:
        assert pool.run("host", ["echo", "1"], deadline=5).text == "1\n"
        server.drop()
        assert pool.run("host", ["echo", "2"], deadline=5).text == "2\n"
        assert server.accepted == 2


def test_a_connection_that_breaks_while_the_command_runs_is_uncertain(pool: Pool, estate: Estate, tmp_path: Path) -> None:
    with played(estate, "host") as server, ThreadPoolExecutor(1) as other:
        running = other.submit(pool.run, "host", ["sh", "-c", f"touch {tmp_path}/runs; sleep 20"], deadline=20)
        until = time.monotonic() + 10
        while not (tmp_path / "runs").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        server.drop()
        with pytest.raises(Unanswered, match="broke while"):
            running.result(5)


def test_an_unused_connection_is_closed(estate: Estate) -> None:
    with played(estate, "host") as server:
        pool = Pool(idle=0.0)
        for _ in range(2):
            pool.run("host", ["true"], deadline=5)
            pool.tidy()
        assert server.accepted == 2
        pool.close()


def test_an_unknown_host_is_refused_before_anything_is_sent(pool: Pool, estate: Estate) -> None:
    with played(estate, "stranger", pin=False), pytest.raises(HostKeyRefused) as caught:
        pool.run("stranger", ["true"], deadline=5)
    assert "stranger" in str(caught.value)
    assert "SHA256:" in str(caught.value)
    assert str(estate.known_hosts) in caught.value.next_step
    assert "stranger ssh-ed25519 AAAA" in caught.value.next_step


def test_a_changed_key_is_refused_and_both_fingerprints_are_named(pool: Pool, estate: Estate) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    with played(estate, "host", pin=False):
        with estate.known_hosts.open("a") as pins:
            pins.write(f"host {other.export_public_key().decode()}")
        with pytest.raises(HostKeyRefused, match="another key than the pinned one") as caught:
            pool.run("host", ["true"], deadline=5)
    assert str(caught.value).count("SHA256:") == 2
    assert other.get_fingerprint() in str(caught.value)


def test_a_new_pin_is_seen_at_once(pool: Pool, estate: Estate) -> None:
    with played(estate, "host", pin=False):
        with pytest.raises(HostKeyRefused) as caught:
            pool.run("host", ["true"], deadline=5)
        line = caught.value.next_step.split("known_hosts: ")[1]
        with estate.known_hosts.open("a") as pins:
            pins.write(f"{line}\n")
        assert pool.run("host", ["true"], deadline=5).rc == 0


def test_a_key_that_the_host_does_not_know(pool: Pool, host: str, estate: Estate) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(estate.key)
    with pytest.raises(Denied, match="refuses our key SHA256:"):
        pool.run(host, ["true"], deadline=10)


def test_a_key_that_is_not_there(pool: Pool, host: str, estate: Estate) -> None:
    estate.key.unlink()
    with pytest.raises(Denied, match="is not there"):
        pool.run(host, ["true"], deadline=10)


def test_nobody_listens(pool: Pool, estate: Estate) -> None:
    with played(estate, "host"):
        pass
    with pytest.raises(Unreachable) as caught:
        pool.run("host", ["true"], deadline=5)
    assert caught.value.nothing_happened


def test_a_host_that_says_nothing_is_left_at_the_deadline(pool: Pool, estate: Estate) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        estate.add("silent", silent.getsockname()[1], None)
        started = time.monotonic()
        with pytest.raises(Unreachable):
            pool.run("silent", ["true"], deadline=0.6)
        assert time.monotonic() - started < 10  # SSH by itself waits longer for a first word


def test_a_jump_host_leads_on(pool: Pool, estate: Estate) -> None:
    with played(estate, "bastion") as bastion, played(estate, "inner", extra="  ProxyJump bastion\n") as inner:
        assert pool.run("inner", ["echo", "far"], deadline=10).text == "far\n"
        assert (bastion.accepted, inner.accepted) == (1, 1)
        assert pool.run("bastion", ["echo", "near"], deadline=10).text == "near\n"
        assert bastion.accepted == 1


@pytest.mark.parametrize("name", ["-oProxyCommand=id", "", "a b", "a;b", "\n"])
def test_what_is_no_host(pool: Pool, estate: Estate, name: str) -> None:
    with pytest.raises(Refused, match="not the name of a host"):
        pool.run(name, ["true"], deadline=1)


@pytest.mark.parametrize("argv", [[], [""], ["a", "b\0c"]])
def test_what_is_no_command(argv: list[str]) -> None:
    with pytest.raises(Refused):
        quoted(argv)
    assert quoted(["echo", "it's"]) == "echo 'it'\"'\"'s'"


def test_a_line_that_swallows_everything_is_noticed(pool: Pool, estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below SSH all is well: each byte is acknowledged, and none arrives. A slow command on a line that lives is left in peace."""
    monkeypatch.setattr(handshake, "KEEPALIVE", 0.2)
    monkeypatch.setattr(handshake, "SILENCE", 1.0)
    monkeypatch.setattr(handshake, "_WAKE", 0.1)
    with played(estate, "real"), swallowing_way_to(estate.hosts["real"]) as (port, swallow):
        estate.hosts["host"] = port
        text = estate.config.read_text()
        estate.config.write_text(text + text.replace("Host real", "Host host").replace(f"Port {estate.hosts['real']}", f"Port {port}"))
        assert pool.run("host", ["sleep", "2"], deadline=10).rc == 0
        pieces = pool.stream("host", ["sh", "-c", "echo up; sleep 60"], deadline=90)
        assert next(pieces) == b"up\n"
        swallow.set()
        started = time.monotonic()
        with pytest.raises(Unanswered, match="broke while"):
            next(pieces)
        assert time.monotonic() - started < 30


@contextmanager
def swallowing_way_to(port: int) -> Iterator[tuple[int, threading.Event]]:
    """A TCP relay on loopback, which takes and drops every byte once its event is set."""
    swallow = threading.Event()
    sockets: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def relay(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not swallow.is_set():
                    sink.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", port))
                sockets.extend((near, far))
                for ends in ((near, far), (far, near)):
                    threads.append(threading.Thread(target=relay, args=ends))
                    threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield listener.getsockname()[1], swallow
    finally:
        for each in (listener, *sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for each in (listener, *sockets):
            each.close()
