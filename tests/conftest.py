"""What all tests share: the cast, the estate in a box, and no network but this machine's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from live import publish, wire
from people.models import Operator, Role
from tests.valkey import Valkey, running


@pytest.fixture
def person(db: None) -> Callable[[str, Role], Operator]:
    def make(name: str, role: Role) -> Operator:
        return Operator.objects.create_user(username=name, password=f"{name}-long-enough", role=role)

    return make


@pytest.fixture
def viewer(person: Callable[[str, Role], Operator]) -> Operator:
    return person("viewer", Role.VIEWER)


@pytest.fixture
def operator(person: Callable[[str, Role], Operator]) -> Operator:
    return person("operator", Role.OPERATOR)


@pytest.fixture
def releaser(person: Callable[[str, Role], Operator]) -> Operator:
    return person("releaser", Role.RELEASER)


@pytest.fixture
def admin(person: Callable[[str, Role], Operator]) -> Operator:
    return person("admin", Role.ADMIN)


@pytest.fixture
def stranger(person: Callable[[str, Role], Operator]) -> Operator:
    """Signed in, and nothing more."""
    return person("stranger", Role.NONE)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The estate in a box, once for each process of a test run; what its ready.json says."""
    data = tmp_path_factory.mktemp("box") / "sandbox"
    argv = [sys.executable, "-m", "sandbox", "--data", str(data), "--speed", "100", "--seed", "1", "--die-with-parent"]
    log = data.parent / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, cwd=Path(__file__).parent.parent)
    try:
        end = time.monotonic() + 60
        while not (data / "ready.json").is_file():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield json.loads((data / "ready.json").read_text())
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def sandbox(sandbox_process: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The standard environment by which everything finds the sandbox, and nothing else."""
    for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
        monkeypatch.delenv(name)
    found = {
        "AWS_ENDPOINT_URL": sandbox_process["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTP_PROXY": sandbox_process["proxy"],
        "HTTPS_PROXY": sandbox_process["proxy"],
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": sandbox_process["ca_file"],
        "SSH_CONFIG": sandbox_process["ssh_config"],
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return sandbox_process


@pytest.fixture(scope="session")
def _valkey() -> Iterator[Valkey]:
    with running() as valkey:
        yield valkey


@pytest.fixture
def valkey(_valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """Redis, empty, and the one that the settings name."""
    settings.REDIS_URL = _valkey.url
    monkeypatch.setattr(wire, "_client", None)
    monkeypatch.setattr(publish, "_away_until", 0.0)
    wire.client().flushall()
    yield _valkey
    wire.client().close()
