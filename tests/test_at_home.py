"""No test asks anybody outside this machine: not by a connection, not for a name, not by the git that it starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from django.conf import settings

from remote.errors import Unreachable
from remote.git import Mirror


def test_no_name_is_looked_up() -> None:
    with pytest.raises(socket.gaierror, match="no test looks up"):
        socket.getaddrinfo("www.client.url", 443)
    assert socket.getaddrinfo("localhost", 443)


def test_nobody_outside_is_connected_to() -> None:
    with pytest.raises(AssertionError, match="tried to reach"):
        socket.create_connection(("192.0.2.1", 443))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_git_finds_nobody_by_whatever_name(tmp_path: Path) -> None:
    assert os.environ["SSH_CONFIG"] == settings.SSH_CONFIG
    with pytest.raises(Unreachable) as refused:
        Mirror(tmp_path / "m.git", "git@bitbucket.org:client/magento.git", Path(settings.SSH_CONFIG), deadline=30).heads("master")
    assert "127.0.0.1 port 1" in str(refused.value)
