"""The VPN host of the sandbox: who is let in, what the service shows, what a rebuild of the image brings back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from sandbox.hosts import machines, servers, vpn
from sandbox.hosts.vpn import authority, files
from sandbox.world import Host, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path, speed=1000, seed=1)
    machines.furnish(made, made.machines["openvpn"])
    machines.furnish(made, made.machines["gateway"])
    stop = servers.start(made)
    yield made
    stop()


@pytest.fixture
def host(world: World) -> Host:
    return world.machines["openvpn"]


def service(world: World) -> vpn.Service:
    found = vpn.service_of(world)
    assert found is not None
    return found


def connected(world: World) -> set[str]:
    service(world).tick()
    return {session.name for session in service(world).sessions}


def test_who_is_let_in_is_what_the_files_say(world: World, host: Host) -> None:
    vpn.connect(world, host, "laptop.shop")
    assert "laptop.shop" in connected(world)
    vpn.connect(world, host, "laptop.old")
    assert "laptop.old" not in connected(world)
    assert service(world).refusals[-1].why == "VERIFY ERROR: depth=0, error=certificate revoked: CN=laptop.old"
    vpn.leave(world, "laptop.shop")
    (host.root / "etc/openvpn/crl.pem").chmod(0o600)
    vpn.connect(world, host, "laptop.shop")
    assert service(world).refusals[-1].why == "CRL: cannot read: crl.pem", "then nobody comes in"


def test_a_suspended_name_is_refused(world: World, host: Host) -> None:
    (host.root / "etc/openvpn/ccd/laptop.shop").write_text("disable\n")
    vpn.connect(world, host, "laptop.shop")
    assert "laptop.shop" not in connected(world)


def test_a_rebuild_brings_revoked_users_back(world: World, host: Host) -> None:
    vpn.connect(world, host, "laptop.old")
    assert "laptop.old" not in connected(world)
    vpn.rebuild(world, host)
    service(world).wishes["laptop.old"].next_try = 0
    assert "laptop.old" in connected(world)
    assert not (host.root / "etc/openvpn/crl.pem").exists()
    assert "R\t" not in (host.root / "root/easy-rsa/pki/index.txt").read_text()


def test_the_management_interface_ends_a_session_and_the_client_comes_again(world: World, host: Host) -> None:
    assert "laptop.ops1" in connected(world)
    assert service(world).manage("kill laptop.ops1") == ["SUCCESS: common name 'laptop.ops1' found, 1 client(s) killed"]
    assert service(world).manage("kill nobody") == ["ERROR: common name 'nobody' not found"]
    service(world).wishes["laptop.ops1"].next_try = 0
    assert "laptop.ops1" in connected(world)


@pytest.mark.parametrize("version, begin", [("1", "OpenVPN CLIENT LIST"), ("2", "TITLE,OpenVPN 2.6"), ("3", "TITLE\tOpenVPN 2.6")])
def test_the_status_file_comes_in_three_versions(world: World, host: Host, version: str, begin: str) -> None:
    config = host.root / "etc/openvpn/server.conf"
    config.write_text(config.read_text().replace("status-version 2", f"status-version {version}"))
    service(world).start()
    assert (host.root / "var/log/openvpn/status.log").read_text().startswith(begin)


def test_what_is_broken_is_mended(host: Host) -> None:
    for part in ("script", "base.conf", "ta.key", "pass phrase", "disk", "crl"):
        vpn.break_(host, part)
    assert not (host.root / vpn.PARTS["script"]).exists()
    vpn.mend(host)
    assert (host.root / vpn.PARTS["script"]).exists()
    authority.gen_req(host.root / "root/easy-rsa/pki", "after")  # the key is readable again
    authority.sign_req(host.root / "root/easy-rsa/pki", "client", "after", now=datetime.now(UTC))


@pytest.mark.skipif(not files.is_real(), reason="NOT RUN: easy-rsa and openssl are not installed here")
def test_the_real_easy_rsa_goes_on_with_what_the_stand_in_began(host: Host) -> None:
    def easyrsa(*argv: str) -> None:
        subprocess.run(["./easyrsa", "--batch", *argv], cwd=host.root / "root/easy-rsa", check=True, capture_output=True, timeout=60)

    pki = host.root / "root/easy-rsa/pki"
    easyrsa("gen-req", "by.debian", "nopass")
    easyrsa("sign-req", "client", "by.debian")
    easyrsa("revoke", "laptop.shop")
    easyrsa("gen-crl")
    subprocess.run(
        ["openssl", "verify", "-CAfile", pki / "ca.crt", pki / "issued/by.debian.crt"], check=True, capture_output=True, timeout=60
    )
    crl = x509.load_pem_x509_crl((pki / "crl.pem").read_bytes())
    assert len(list(crl)) == 2
