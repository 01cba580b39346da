"""What all tests share: the cast, and no network but this machine's own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from people.models import Operator, Role


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
