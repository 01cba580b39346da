"""SSH servers on loopback for the tests: OpenSSH's own where it is installed, and asyncssh; both run commands in a real shell."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass
class Estate:
    """An ssh_config with its keys, in a folder of its own; servers are added to it."""

    folder: Path
    hosts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key, self.known_hosts, self.config = self.folder / "id", self.folder / "known_hosts", self.folder / "config"
        ours = asyncssh.generate_private_key("ssh-ed25519")
        ours.write_private_key(self.key)
        self.key.chmod(0o600)
        ours.write_public_key(self.folder / "id.pub")
        self.known_hosts.touch()
        self.config.touch()

    def add(self, alias: str, port: int, host_key: asyncssh.SSHKey | None, extra: str = "") -> None:
        """Without a host key, nothing is pinned."""
        self.hosts[alias] = port
        with self.config.open("a") as config:
            config.write(f"Host {alias}\n  HostName 127.0.0.1\n  Port {port}\n  User {_me()}\n  IdentityFile {self.key}\n")
            config.write(f"  UserKnownHostsFile {self.known_hosts}\n  HostKeyAlias {alias}\n{extra}")
        if host_key:
            with self.known_hosts.open("a") as pins:
                pins.write(f"{alias} {host_key.export_public_key().decode()}")


def _me() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


class PlayedServer:
    """asyncssh in a process of its own (`played_server.py`), asked line by line."""

    def __init__(self, estate: Estate, host_key: asyncssh.SSHKey, forced: str = "") -> None:
        self._key = estate.folder / f"host-{secrets.token_hex(4)}"
        host_key.write_private_key(self._key)
        command = [sys.executable, str(Path(__file__).with_name("played_server.py")), str(self._key), str(estate.folder / "id.pub"), forced]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._answer())

    @property
    def accepted(self) -> int:
        """How many connections there were."""
        return int(self._ask("accepted"))

    def drop(self) -> None:
        """Ends all connections, as a broken line does."""
        self._ask("drop")

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)

    def _ask(self, what: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def played(estate: Estate, alias: str = "played", *, pin: bool = True, extra: str = "", forced: str = "") -> Iterator[PlayedServer]:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    server = PlayedServer(estate, host_key, forced)
    estate.add(alias, server.port, host_key if pin else None, extra)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def openssh(
    estate: Estate, alias: str = "real", *, options: str = "", authorized_prefix: str = "", key: asyncssh.SSHKey | None = None
) -> Iterator[int]:
    """A real sshd; yields its process id. `authorized_prefix` restricts our key (a forced command). A `key` that is given is not pinned."""
    assert SSHD, "ask `SSHD` first"
    folder = estate.folder / f"sshd-{alias}"
    folder.mkdir()
    host_key = key or asyncssh.generate_private_key("ssh-ed25519")
    host_key.write_private_key(folder / "host")
    (folder / "host").chmod(0o600)
    authorized = folder / "authorized_keys"
    authorized.write_text(f"{authorized_prefix}{(estate.folder / 'id.pub').read_text()}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nPidFile none\nLogLevel ERROR\nPermitRootLogin yes\n{options}"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    estate.add(alias, port, None if key else host_key)
    try:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until
                assert server.poll() is None
                time.sleep(0.02)
        yield server.pid
    finally:
        server.terminate()
        server.wait(10)
