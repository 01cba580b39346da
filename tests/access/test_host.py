"""What the console's program does to a VPN host's files, where they are not as tidy as one's own."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from tests.access.host import Ground

ODD = "V\t280226104500Z\t\t7A01\tunknown\t/C=FR/CN=Doe, Jane/emailAddress=jane@client.url"


@pytest.fixture(scope="module")
def _ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("vpn"))


@pytest.fixture
def ground(_ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Nothing restarts here; who would have been is written down."""
    (tmp_path / "systemctl").write_text('#!/bin/sh\necho "$@" >>"$OPSCONSOLE_ROOT/asked"\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return _ground


def test_a_directive_is_added_on_a_line_of_its_own(ground: Ground) -> None:
    config = ground.root / "etc/openvpn/server.conf"
    before = config.read_text()
    config.write_text("port 1194\ncert server.crt\nkeepalive 10 120")  # no crl-verify, and no end of the line
    try:
        assert "no crl-verify" in ground.report().crl.problem
        assert "Added to the configuration: crl-verify" in ground.run("crl", "3650")
        assert config.read_text() == "port 1194\ncert server.crt\nkeepalive 10 120\ncrl-verify /etc/openvpn/crl.pem\n"
        assert "restart openvpn@server" in (ground.root / "asked").read_text()
        ground.run("crl", "3650")
        assert config.read_text().count("crl-verify") == 1
    finally:
        config.write_text(before)


@pytest.mark.parametrize(
    "line", ['crl-verify "/etc/openvpn/crl.pem"', "crl-verify crl.pem # renewed by the console", "\tcrl-verify  crl.pem\r"]
)
def test_a_directive_is_read_as_the_service_reads_it(ground: Ground, line: str) -> None:
    config = ground.root / "etc/openvpn/server.conf"
    before = config.read_text()
    config.write_text(before.replace("crl-verify /etc/openvpn/crl.pem", line))
    try:
        assert ground.report().crl.place in ("/etc/openvpn/crl.pem", "crl.pem")
        assert ground.report().crl.serials != ()
        config.write_text(before.replace("crl-verify /etc/openvpn/crl.pem", "# crl-verify crl.pem"))
        assert ground.report().crl.place == ""
    finally:
        config.write_text(before)


def test_suspending_leaves_what_else_is_said_about_a_client(ground: Ground) -> None:
    mine = ground.root / "etc/openvpn/ccd/laptop.shop"
    mine.write_text("ifconfig-push 10.8.0.30 10.8.0.29")  # no end of the line
    ground.run("suspend", "laptop.shop")
    assert mine.read_text() == "ifconfig-push 10.8.0.30 10.8.0.29\ndisable\n"
    assert ground.report().suspended == ("laptop.shop",)
    ground.run("suspend", "laptop.shop")
    ground.run("resume", "laptop.shop")
    assert mine.read_text() == "ifconfig-push 10.8.0.30 10.8.0.29\n"
    assert ground.report().suspended == ()


def test_lines_with_names_of_another_kind_come_back_after_a_rebuild(ground: Ground) -> None:
    before = len(ground.report().lines)
    assert "lines now" in ground.run("merge", base64.b64encode(f"{ODD}\n".encode()).decode())
    assert [line.text for line in ground.report().lines][before:] == [ODD]
    gone = ODD.replace("V\t", "R\t").replace("Z\t\t", "Z\t261126104500Z\t")
    ground.run("merge", base64.b64encode(f"{gone}\n".encode()).decode())
    assert [line.text for line in ground.report().lines][before:] == [gone]
    for bad in ("X\tx", ODD.replace("7A01", "7A01; id"), ODD.replace("Jane", "J\tane"), ODD.replace("/C=FR/CN=", "/C=FR/")):
        assert "none of an index" in ground.run("merge", base64.b64encode(f"{bad}\n".encode()).decode()), bad
    assert [line.text for line in ground.report().lines][before:] == [gone]


@pytest.mark.parametrize("lacking", ["mktemp", "mkfifo"])
def test_a_full_disk_is_said_apart_from_an_interface_that_does_not_answer(ground: Ground, tmp_path: Path, lacking: str) -> None:
    config = ground.root / "etc/openvpn/server.conf"
    assert "management" in config.read_text()
    assert "The management interface does not answer." in ground.run("kill", "laptop.shop")
    assert ground.report().silent == ""
    (tmp_path / lacking).write_text('#!/bin/sh\necho "No space left on device" >&2\nexit 1\n')
    (tmp_path / lacking).chmod(0o755)
    assert ground.run("kill", "laptop.shop").startswith("ERROR: no pipe to the management interface can be made")
    found = ground.report()
    assert "make room" in found.silent
    assert found.heard != "the management interface"


def test_no_pipe_is_left_behind(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "pipes").mkdir()
    (tmp_path / "mktemp").write_text(f'#!/bin/sh\nexec /usr/bin/mktemp -d -p "{tmp_path}/pipes"\n')
    (tmp_path / "mktemp").chmod(0o755)
    (tmp_path / "mkfifo").write_text('#!/bin/sh\n/usr/bin/mkfifo "$@"\ntouch "$OPSCONSOLE_ROOT/piped"\n')
    (tmp_path / "mkfifo").chmod(0o755)
    ground.run("kill", "laptop.shop")
    assert (ground.root / "piped").exists()
    assert list((tmp_path / "pipes").iterdir()) == []
    (tmp_path / "mkfifo").write_text("#!/bin/sh\nexit 1\n")
    ground.run("kill", "laptop.shop")
    assert list((tmp_path / "pipes").iterdir()) == []
