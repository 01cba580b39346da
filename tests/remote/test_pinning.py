"""A host's key is pinned only where the host shows what its instance printed at its first boot; over the sandbox's wires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from remote.aws import compute
from remote.errors import HostKeyRefused, Refused
from remote.ssh import pinning, snippet
from remote.ssh.connections import connect
from remote.ssh.routes import Routes
from remote.ssh.runner import SCRIPT, script_hash
from tests import box

FE_2, ADDRESS = "i-012e92fb498ad40d7", "10.0.102.37"
SNIPPET = Path(__file__).parent.parent.parent / "docs/snippets/ops-console-runner.config"


@pytest.fixture
def known_hosts(sandbox: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sandbox's ssh_config with a known_hosts file of this test's own, in which nobody stands."""
    mine = tmp_path / "known_hosts"
    config = tmp_path / "ssh_config"
    config.write_text(Path(sandbox["ssh_config"]).read_text().replace(sandbox["known_hosts"], str(mine)))
    monkeypatch.setenv("SSH_CONFIG", str(config))
    return mine


@pytest.fixture
def control(sandbox: dict[str, str]) -> Iterator[box.Control]:
    found = box.Control(sandbox)
    yield found
    found.clear()
    found.close()


def real_key(sandbox: dict[str, str]) -> str:
    for line in Path(sandbox["known_hosts"]).read_text().splitlines():
        if line.startswith(FE_2):
            return line.split()[2]
    raise AssertionError("fe-2 has no key")


def test_what_was_printed_is_read_from_between_the_markers() -> None:
    one, two = "SHA256:" + "a" * 43, "SHA256:" + "b" * 43
    block = (
        "ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\nec2: 256 {} root@ip (ED25519)\r\nec2: -----END SSH HOST KEY FINGERPRINTS-----\n"
    )
    assert pinning.printed_fingerprints(block.format(one)) == (one,)
    assert pinning.printed_fingerprints(block.format(one) + "reboot\n" + block.format(two)) == (two,)
    assert pinning.printed_fingerprints(f"256 {one} root@ip (ED25519)") == ()
    assert pinning.printed_fingerprints(block.format("SHA256:tooshort")) == ()
    assert pinning.printed_fingerprints("") == ()


def test_what_the_instance_printed_is_pinned_and_then_trusted(sandbox: dict[str, str], known_hosts: Path) -> None:
    route = Routes().find(ADDRESS)
    with pytest.raises(HostKeyRefused):
        connect(route, deadline=8)
    pinned = pinning.pin(ADDRESS, compute.console_output(FE_2))
    assert pinned.is_new
    assert known_hosts.read_text() == f"{FE_2} ssh-ed25519 {real_key(sandbox)}\n"
    connect(Routes().find(ADDRESS), deadline=8).close()
    again = pinning.pin(ADDRESS, compute.console_output(FE_2))
    assert not again.is_new
    assert known_hosts.read_text().count("\n") == 1


def test_a_key_that_the_instance_did_not_print_is_not_pinned(control: box.Control, known_hosts: Path) -> None:
    control.act("host-key-changed", host="fe-2")
    with pytest.raises(HostKeyRefused, match="did not print"):
        pinning.pin(ADDRESS, compute.console_output(FE_2), replace=True)
    assert not known_hosts.exists()


def test_the_print_of_another_instance_is_no_proof(sandbox: dict[str, str], known_hosts: Path) -> None:
    with pytest.raises(HostKeyRefused, match="did not print"):
        pinning.pin(ADDRESS, compute.console_output("i-08d2e6b41f09c7a53"))
    with pytest.raises(Refused, match="no fingerprints"):
        pinning.pin(ADDRESS, "Linux version 4.14")
    assert not known_hosts.exists()


def test_another_pinned_key_goes_only_when_that_is_asked_for(sandbox: dict[str, str], known_hosts: Path) -> None:
    other = Path(sandbox["known_hosts"]).read_text().splitlines()[0].split()[2]
    before = (
        f"# by hand\nold.example,{FE_2} ssh-ed25519 {other}\n{FE_2} ssh-ed25519 {other}\n@revoked {FE_2} ssh-ed25519 {other[:-4]}AAAA\n"
    )
    known_hosts.write_text(before)
    with pytest.raises(HostKeyRefused, match="Another key is pinned"):
        pinning.pin(ADDRESS, compute.console_output(FE_2))
    assert known_hosts.read_text() == before
    pinning.pin(ADDRESS, compute.console_output(FE_2), replace=True)
    assert known_hosts.read_text().splitlines() == [
        "# by hand",
        f"old.example ssh-ed25519 {other}",
        f"@revoked {FE_2} ssh-ed25519 {other[:-4]}AAAA",
        f"{FE_2} ssh-ed25519 {real_key(sandbox)}",
    ]


def test_behind_a_jump_it_is_refused(known_hosts: Path, sandbox: dict[str, str]) -> None:
    config = known_hosts.parent / "ssh_config"
    config.write_text(f"Host {ADDRESS}\n  ProxyJump bastion\n" + config.read_text())
    with pytest.raises(Refused, match="is reached through"):
        pinning.pin(ADDRESS, compute.console_output(FE_2))


@pytest.mark.django_db(transaction=True)
def test_the_command(sandbox: dict[str, str], known_hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("pin_host", "fe-2", ADDRESS)
    said = capsys.readouterr().out
    assert "fe-2 (i-012e92fb498ad40d7): SHA256:" in said
    assert "pinned in" in said
    assert "stands already in" in said
    with pytest.raises(CommandError, match="not pinned: nobody"):
        call_command("pin_host", "nobody")
    assert "no such host is known" in capsys.readouterr().err


# -- the snippet that brings the runner


def test_the_snippet_that_ships_has_the_runner_of_this_version() -> None:
    assert SNIPPET.read_text() == snippet.ebextension(SCRIPT.read_text()), (
        "the runner has changed: python manage.py runner_snippet > docs/snippets/ops-console-runner.config"
    )


def test_beanstalk_would_read_the_script_and_its_hash() -> None:
    found = yaml.safe_load(SNIPPET.read_text())
    (path, file), *others = found["files"].items()
    assert (path, file["mode"], file["owner"], others) == ("/opt/opsconsole/runner.new", "000755", "root", [])
    assert file["content"] == SCRIPT.read_text()
    assert script_hash() in found["commands"]["01_check"]["command"]


def test_the_key_may_do_nothing_but_start_the_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = tmp_path / "key.pub"
    public.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample ops-console\n")
    call_command("runner_snippet", "--key", str(public), "--from", "10.0.0.10")
    commands = yaml.safe_load(capsys.readouterr().out)["commands"]
    line = 'restrict,command="/opt/opsconsole/runner",from="10.0.0.10" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample ops-console'
    assert f"'{line}'" in commands["03_key"]["command"]


@pytest.mark.parametrize(
    ("key", "address"), [("not a key", "10.0.0.10"), ("ssh-ed25519 AAAA x", "$(id)"), ("ssh-ed25519 AAAA\nssh-rsa BBBB", "10.0.0.10")]
)
def test_what_is_neither_key_nor_address_is_refused(tmp_path: Path, key: str, address: str) -> None:
    public = tmp_path / "key.pub"
    public.write_text(key)
    with pytest.raises(CommandError):
        call_command("runner_snippet", "--key", str(public), "--from", address)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("runner_snippet", "--key", str(tmp_path / "none"))
