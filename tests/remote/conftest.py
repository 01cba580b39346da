"""What the tests of `remote` share: an AWS on the wire (plain moto) and the standard environment that leads there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.sshd import SSHD, Estate, openssh, played

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A process of its own: what the sandbox's tests put in the place of moto's back ends stays in theirs."""
    env = {**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Leads boto3 to moto by the standard environment."""
    return aim_at(moto_url, monkeypatch)


def aim_at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }.items():
        monkeypatch.setenv(name, value)
    return endpoint


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    """An empty ssh_config that SSH_CONFIG leads to."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    estate = Estate(folder)
    monkeypatch.setenv("SSH_CONFIG", str(estate.config))
    return estate


@pytest.fixture(params=["played", "openssh"])
def host(request: pytest.FixtureRequest, estate: Estate) -> Iterator[str]:
    """The alias of a host that answers, once by asyncssh and once by OpenSSH."""
    if request.param == "openssh":
        if not SSHD:
            pytest.skip("OpenSSH's sshd is not installed: its half of these tests did not run")
        with openssh(estate, "host"):
            yield "host"
    else:
        with played(estate, "host"):
            yield "host"
