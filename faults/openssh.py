"""OpenSSH's own server on this machine, as one more host of the estate: the runner is its key's forced command."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from faults.points import NotRun
from faults.processes import ROOT, started, until

if TYPE_CHECKING:
    from faults.rig import Rig

NAME = "openssh-1"


def start(rig: Rig, port: int) -> subprocess.Popen[bytes] | None:
    """Listens there and stands in the rig's ssh_config through a proxy; None where there is no sshd."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    keygen = shutil.which("ssh-keygen")
    if program is None or keygen is None:
        return None
    folder = rig.folder / "openssh"
    runner = folder / "root/opt/opsconsole/runner"
    runner.parent.mkdir(parents=True)
    shutil.copy(ROOT / "remote/ssh/runner.sh", runner)
    runner.chmod(runner.stat().st_mode | stat.S_IXUSR)
    (folder / "root/var/lib/opsconsole").mkdir(parents=True)
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host")], check=True, timeout=30)
    public = Path(f"{rig.ready['ssh_key']}.pub").read_text()
    (folder / "authorized_keys").write_text(f'restrict,command="OPSCONSOLE_ROOT={folder}/root {runner}" {public}')
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\n"
        "UsePAM no\nPasswordAuthentication no\nPidFile none\nLogLevel ERROR\nPermitRootLogin yes\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    process = started([program, "-D", "-e", "-f", str(folder / "config")], rig.env, folder / "log")
    until("OpenSSH's server", lambda: _listens(port), seconds=15)
    return process


def block(rig: Rig, proxy_port: int) -> str:
    """Its part of the ssh_config."""
    kind, key, *_ = (rig.folder / "openssh/host.pub").read_text().split()
    pins = rig.folder / "openssh/known_hosts"
    pins.write_text(f"{NAME} {kind} {key}\n")
    return (
        f"\nHost {NAME}\n    HostName 127.0.0.1\n    Port {proxy_port}\n    User {pwd.getpwuid(os.getuid()).pw_name}\n"
        f"    HostKeyAlias {NAME}\n    IdentityFile {rig.ready['ssh_key']}\n    IdentitiesOnly yes\n    UserKnownHostsFile {pins}\n"
        "    GlobalKnownHostsFile /dev/null\n    StrictHostKeyChecking yes\n    PasswordAuthentication no\n"
    )


def must_be_there(rig: Rig) -> None:
    if NAME not in rig.proxies:
        raise NotRun("OpenSSH's sshd is not installed: the half of the cuts that is about it was not run.")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
