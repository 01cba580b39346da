"""What the console reads and hands over, held against Debian's own openssl, openvpn and haproxy, where they are installed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from access import programs
from access.gateway import haproxy
from access.programs import Sections
from access.vpn import actions, delivery, server
from people.models import Operator
from sandbox.hosts.gateway import CONFIG
from sandbox.hosts.vpn import authority
from tests.access.conftest import Grounds
from tests.working import LONG

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def program(name: str) -> str:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") or ""


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not program(name), reason=f"NOT RUN: {name} is not installed here")


def openssl(*argv: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program("openssl"), *map(str, argv)], capture_output=True, timeout=60, check=False)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def free_tcp_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@needs("openssl")
def test_openssl_accepts_what_was_delivered_and_refuses_what_was_revoked(grounds: Grounds, operator: Operator, tmp_path: Path) -> None:
    user = grounds.user(operator)
    profile = tmp_path / "profile"
    content = delivery.take(user, origin="", by=operator).content
    profile.write_bytes(content)
    certificate = tmp_path / "certificate"
    certificate.write_bytes(content.partition(b"<cert>")[2].partition(b"</cert>")[0])
    pki = grounds.host / "root/easy-rsa/pki"
    assert openssl("verify", "-CAfile", pki / "ca.crt", certificate).returncode == 0
    assert openssl("pkey", "-in", profile, "-noout").returncode == 0, "the key in it can be read"
    grounds.done(actions.revoke(user, reason="left", by=operator))
    crl = grounds.host / "etc/openvpn/crl.pem"
    told = openssl("crl", "-in", crl, "-noout", "-text", "-CAfile", pki / "ca.crt")
    assert b"verify OK" in told.stderr
    assert user.serial in told.stdout.decode()
    refused = openssl("verify", "-crl_check", "-CAfile", pki / "ca.crt", "-CRLfile", crl, certificate)
    assert refused.returncode != 0
    assert b"certificate revoked" in refused.stderr


@contextlib.contextmanager
def running(argv: list[object], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(list(map(str, argv)), stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def says(log: Path, *words: str) -> str:
    """Whichever of the words the log has first."""
    end = time.monotonic() + LONG
    while True:
        text = log.read_text(errors="replace")
        if found := next((word for word in words if word in text), ""):
            return found
        assert time.monotonic() < end, text[-3000:]
        time.sleep(0.1)


@needs("openvpn")
def test_the_real_openvpn_lets_the_profile_in_and_refuses_it_once_it_is_revoked(
    grounds: Grounds, operator: Operator, tmp_path: Path
) -> None:
    """Without a network device: what is held here is the handshake, with the host's own CA, keys and CRL."""
    user = grounds.user(operator)
    content = delivery.take(user, origin="", by=operator).content.decode()
    etc = grounds.host / "etc/openvpn"
    profile = tmp_path / "profile.ovpn"

    def meets(name: str) -> str:
        port = free_port()
        profile.write_text(content.replace("remote vpn.client.url 1194", f"remote 127.0.0.1 {port}").replace("dev tun", "dev null"))
        keys = (
            "--ca",
            etc / "ca.crt",
            "--cert",
            etc / "server.crt",
            "--key",
            etc / "server.key",
            "--dh",
            "none",
            "--tls-crypt",
            etc / "ta.key",
        )
        server = [
            program("openvpn"),
            "--dev",
            "null",
            "--tls-server",
            "--lport",
            port,
            *keys,
            "--crl-verify",
            etc / "crl.pem",
            "--verb",
            "3",
        ]
        log = tmp_path / f"server-{name}"
        client = [program("openvpn"), "--config", profile, "--connect-retry-max", "3"]
        with running([*server, "--local", "127.0.0.1"], log):
            says(log, "UDPv4 link remote")
            with running(client, tmp_path / f"client-{name}"):
                return says(log, "Peer Connection Initiated", "certificate revoked", "VERIFY ERROR")

    assert meets("before") == "Peer Connection Initiated"
    grounds.done(actions.revoke(user, reason="left", by=operator))
    assert meets("after") == "certificate revoked"


def has_network_device() -> bool:
    """A tun device of one's own, as a server with several clients needs it."""
    try:
        with open("/dev/net/tun", "r+b", buffering=0) as device:
            fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"", 1))  # TUNSETIFF, IFF_TUN
    except OSError:
        return False
    return True


@needs("openvpn")
@needs("openssl")
@needs("socat")
@pytest.mark.skipif(not has_network_device(), reason="NOT RUN: nobody may make a network device here")
def test_the_host_s_program_asks_the_real_openvpn_who_is_there_and_ends_a_session(tmp_path: Path) -> None:
    """Over its management interface, as the report and a revocation do it; the names are those that a certificate may have."""
    names = ("jane.doe", "Doe, Jane")
    pki, etc = tmp_path / "root/easy-rsa/pki", tmp_path / "etc/openvpn"
    etc.mkdir(parents=True)
    authority.init(pki, now=datetime.now(UTC))
    for name, kind in (("server", "server"), *((each, "client") for each in names)):
        authority.gen_req(pki, name)
        authority.sign_req(pki, kind, name, now=datetime.now(UTC) - timedelta(minutes=1))
    port, where = free_port(), Path(tempfile.mkdtemp(prefix="openvpn-"))  # a socket's name is short
    (etc / "server.conf").write_text("cert server.crt\nmanagement m unix\n")
    (etc / "m").symlink_to(where / "m")
    alone = ["--ifconfig-noexec", "--route-noexec", "--dev-type", "tun", "--ca", pki / "ca.crt", "--disable-dco"]

    def member(name: str) -> list[object]:
        return ["--cert", pki / f"issued/{name}.crt", "--key", pki / f"private/{name}.key"]

    def host(*words: str) -> str:
        argv = ["sh", str(Path(programs.__file__).parent / "host/vpn.sh"), *words]
        environment = {**os.environ, "OPSCONSOLE_ROOT": str(tmp_path)}
        return subprocess.run(argv, capture_output=True, env=environment, timeout=60, check=True).stdout.decode()

    def connected() -> set[str]:
        found = server.read(Sections(host("report")))
        assert found.heard in ("the management interface", "")
        return {each.name for each in found.sessions or ()}

    begin = [program("openvpn"), "--dev", "tun", "--local", "127.0.0.1", "--port", port, "--server", "10.8.0.0", "255.255.255.0"]
    manage = ["--dh", "none", "--management", where / "m", "unix"]
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, where)
        stack.enter_context(running([*begin, *manage, *alone, *member("server")], tmp_path / "server.log"))
        says(tmp_path / "server.log", "Initialization Sequence Completed")
        for name in names:
            client = [program("openvpn"), "--client", "--nobind", "--dev", "tun", "--remote", "127.0.0.1", port, *alone, *member(name)]
            stack.enter_context(running([*client, "--connect-retry", "120"], tmp_path / f"{name}.log"))
            says(tmp_path / f"{name}.log", "Initialization Sequence Completed")
        assert connected() == set(names)
        for name in names:
            assert host("kill", name) == f"SUCCESS: common name '{name}' found, 1 client(s) killed\r\n"
        assert host("kill", "nobody") == "ERROR: common name 'nobody' not found\r\n"


@needs("haproxy")
def test_the_real_haproxy_takes_the_configuration_and_its_statistics_are_read(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIG)
    checked = subprocess.run([program("haproxy"), "-c", "-f", str(config)], capture_output=True, timeout=60, check=False)
    assert checked.returncode == 0, "it does not see what two frontends claim at once; the console does"
    assert haproxy.problems(haproxy.config(CONFIG)) != []

    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryDirectory(prefix="haproxy-") as short:
        port, where = listening.getsockname()[1], Path(short) / "s"
        small = (
            f"global\n  stats socket {where} level admin\n"
            "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
            f"backend good\n  server a 127.0.0.1:{port} check inter 100\n"
            f"backend bad\n  server b 127.0.0.1:{free_tcp_port()} check inter 100\n"
            f"backend unchecked\n  server c 127.0.0.1:{port}\nfrontend f\n  bind 127.0.0.1:{free_tcp_port()}\n  default_backend good\n"
        )
        config.write_text(small)
        log = tmp_path / "log"
        with running([program("haproxy"), "-f", config, "-db"], log):
            end = time.monotonic() + LONG
            while True:
                with contextlib.suppress(OSError):
                    found = {each.server: each for each in haproxy.backends(_show_stat(where))}
                    if found["a"].light == "ok" and found["b"].light == "bad":
                        break
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        assert found["b"].said == "its port refuses, or there is no way to it"
        assert found["c"].light == "unknown"


def _show_stat(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        wire.sendall(b"show stat\n")
        text = b""
        while piece := wire.recv(65536):
            text += piece
    return text.decode()
