"""Which blocks of an `ssh_config` a name meets: as paramiko reads the whole file, at the cost of those that may be meant."""

from __future__ import annotations

import time
from pathlib import Path

import paramiko
import pytest

from remote.errors import Refused
from remote.ssh.routes import Routes

TEXT = """
User everybody
Host fe-1 i-1 10.0.0.1
  HostName 127.0.0.1
  Port 2201
host = be "odd name"
\tPort=2202
Host fe-* !fe-1
  User front
  IdentityFile /keys/front
Host fe-2 fe-3
  Port 2203
Match host fe-3
  User matched
Host *
  Port 2299
  IdentityFile /keys/all"""


@pytest.mark.parametrize("name", ["fe-1", "i-1", "10.0.0.1", "be", "fe-2", "fe-3", "elsewhere"])
def test_a_name_meets_what_it_meets_in_the_whole_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config"
    path.write_text(TEXT)
    whole = paramiko.SSHConfig.from_text(TEXT).lookup(name)
    found = Routes(path).find(name)
    assert (found.hostname, found.port, found.user) == (whole["hostname"], int(whole["port"]), whole["user"])
    assert list(found.identities) == list(whole["identityfile"])


def test_a_thousand_hosts_are_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("".join(f"Host host-{n} i-{n}\n  HostName 10.0.{n // 250}.{n % 250}\n" for n in range(1000)))
    routes = Routes(path)
    routes.find("host-0")
    began = time.process_time()
    assert routes.find("host-999").hostname == "10.0.3.249"
    for n in range(1, 101):
        routes.find(f"host-{n}")
    assert time.process_time() - began < 1, "by trying every block it takes some ten seconds"


def test_a_file_that_is_not_understood_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host fe-1\n  HostName\n")
    with pytest.raises(Refused, match="Unparsable line"):
        Routes(path).find("fe-1")
    path.write_text("CanonicalizeHostname no\nHost fe-1\n  Port 7\n")
    assert Routes(path).find("fe-1").port == 7
