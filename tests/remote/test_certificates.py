"""Host certificates: an authority in known_hosts vouches for a host that was never seen, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncssh
import paramiko
import pytest

from remote.errors import HostKeyRefused
from remote.ssh import certificates
from remote.ssh.certificates import Authority, NotCertified
from remote.ssh.pool import Pool
from tests.remote.sshd import SSHD, Estate, openssh

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
CA = asyncssh.generate_private_key("ssh-ed25519")


def as_paramiko(key: Any) -> paramiko.PKey:
    return paramiko.PKey.from_type_string(key.get_algorithm(), key.public_data)


def shown(kind: str = "ssh-ed25519", *, by: Any = CA, **more: Any) -> paramiko.PKey:
    """The key as paramiko has it after a handshake in which the host showed a certificate."""
    wanted: dict[str, Any] = {"principals": ["fe-1", "10.0.101.24"], "valid_before": "+1h"} | more
    make = by.generate_user_certificate if wanted.pop("user", False) else by.generate_host_certificate
    made = make(asyncssh.generate_private_key(kind), "fe-1 of the estate", **wanted)
    classes: dict[str, Any] = {"ssh-ed25519": paramiko.Ed25519Key, "ecdsa-sha2-nistp256": paramiko.ECDSAKey, "ssh-rsa": paramiko.RSAKey}
    key: paramiko.PKey = classes[kind](msg=paramiko.Message(made.public_data))
    return key


def trusted(*patterns: str, key: Any = CA) -> list[Authority]:
    return [Authority(patterns or ("*",), as_paramiko(key))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["fe-1", "10.0.101.24", "[10.0.101.24]:2222", "FE-1"])
def test_a_host_with_a_certificate_for_its_name_is_known(kind: str, name: str) -> None:
    certificates.check(shown(kind), name, trusted())


def test_an_authority_with_an_rsa_key_signs_with_sha2() -> None:
    authority = asyncssh.generate_private_key("ssh-rsa")
    certificates.check(shown(by=authority), "fe-1", trusted(key=authority))


@pytest.mark.parametrize(
    ("more", "name", "why"),
    [
        ({}, "fe-2", "not for fe-2"),
        ({"principals": []}, "fe-1", "for no name"),
        ({"user": True}, "fe-1", "a person's"),
        ({"by": asyncssh.generate_private_key("ssh-ed25519")}, "fe-1", "not known here"),
    ],
)
def test_what_no_authority_vouches_for(more: dict[str, Any], name: str, why: str) -> None:
    with pytest.raises(NotCertified, match=why):
        certificates.check(shown(**more), name, trusted())


@pytest.mark.parametrize("hours", [-1, 2])
def test_a_certificate_is_good_in_its_time_alone(hours: int) -> None:
    key, now = shown(valid_after=time.time() - 60), datetime.now(UTC)
    certificates.check(key, "fe-1", trusted(), now=now)
    with pytest.raises(NotCertified, match="not now"):
        certificates.check(key, "fe-1", trusted(), now=now + timedelta(hours=hours))


def test_a_certificate_that_was_changed_proves_nothing() -> None:
    key = shown()
    assert key.public_blob is not None
    blob = key.public_blob.key_blob
    assert b"fe-1" in blob
    for damaged in (blob.replace(b"\0\0\0\4fe-1", b"\0\0\0\4fe-2"), blob[:-3], blob[:40]):
        key.public_blob.key_blob = damaged
        with pytest.raises(NotCertified):
            certificates.check(key, "fe-2", trusted())


@pytest.mark.parametrize(
    ("patterns", "name", "speaks"),
    [
        (("*",), "fe-1", True),
        (("fe-*", "be"), "be", True),
        (("fe-?",), "fe-12", False),
        (("*", "!vpn"), "vpn", False),
        (("!vpn",), "fe-1", False),
        (("10.0.*",), "10.0.101.24", True),
        (("[10.0.*]:2222",), "[10.0.101.24]:2222", True),
        (("10.0.*",), "10x0x1", False),
    ],
)
def test_for_whom_an_authority_speaks(patterns: tuple[str, ...], name: str, speaks: bool) -> None:
    assert Authority(patterns, as_paramiko(CA)).speaks_for(name) is speaks


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()


def certified(estate: Estate, alias: str, line: str, **more: Any) -> Any:
    """OpenSSH's server, whose key nobody has pinned, with a certificate; `line` stands in known_hosts."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    made = CA.generate_host_certificate(key, alias, **{"principals": [alias], "valid_before": "+1h"} | more)
    made.write_certificate(estate.folder / f"{alias}-cert.pub")
    authority = CA.export_public_key().decode().strip()
    estate.known_hosts.write_text(line.format(ca=authority, key=key.export_public_key().decode().strip()) + "\n")
    return openssh(estate, alias, options=f"HostCertificate {estate.folder}/{alias}-cert.pub\n", key=key)


@pytest.mark.skipif(SSHD is None, reason="NOT RUN: OpenSSH's server is not installed")
class TestOpenSSH:
    def test_a_host_that_was_never_seen_is_known_by_its_authority(self, pool: Pool, estate: Estate) -> None:
        with certified(estate, "new-1", "@cert-authority new-* {ca}"):
            assert pool.run("new-1", ["echo", "here"], deadline=30).text.strip() == "here"

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("@cert-authority old-* {ca}", "is unknown"),
            ("@cert-authority * {ca}\n@revoked * {ca}", "is unknown"),
            ("@cert-authority * {ca}\n@revoked * {key}", "revoked"),
        ],
    )
    def test_else_it_is_refused(self, pool: Pool, estate: Estate, line: str, why: str) -> None:
        with certified(estate, "new-2", line), pytest.raises(HostKeyRefused, match=why):
            pool.run("new-2", ["echo", "here"], deadline=30)

    def test_a_certificate_of_another_host_is_refused_with_the_way_out(self, pool: Pool, estate: Estate) -> None:
        with certified(estate, "new-3", "@cert-authority * {ca}", principals=["fe-1"]), pytest.raises(HostKeyRefused) as refused:
            pool.run("new-3", ["echo", "here"], deadline=30)
        assert "is for fe-1, not for new-3" in str(refused.value)
        assert "ssh-keygen -s" in refused.value.next_step

    def test_a_pinned_key_needs_no_certificate(self, pool: Pool, estate: Estate) -> None:
        with certified(estate, "new-4", "new-4 {key}"):
            assert pool.run("new-4", ["echo", "here"], deadline=30).text.strip() == "here"
