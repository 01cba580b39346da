"""The host of `bench.first_line`: an SSH server whose commands are run by this machine; the runner keeps its files in FOLDER.

    python -m bench._first_line_host FOLDER

Writes the key and the ssh_config there, prints "ready", ends with its stdin.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import asyncssh

from remote.ssh.runner import PLACE, SCRIPT


async def serve(folder: Path) -> None:
    ours, host_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    ours.write_private_key(folder / "id")
    (folder / "id").chmod(0o600)
    ours.write_public_key(folder / "id.pub")
    (folder / "var/lib/opsconsole").mkdir(parents=True)
    env = os.environ | {"OPSCONSOLE_ROOT": str(folder)}

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        argv = shlex.split(process.command or "")
        argv = ["sh", str(SCRIPT), *argv[1:]] if argv[0] == PLACE else argv
        child = await asyncio.create_subprocess_exec(
            *argv, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        await process.redirect(stdout=child.stdout, stderr=child.stderr)
        code = await child.wait()
        await process.stdout.drain()  # what is still on its way would be lost
        process.exit(code)

    listener = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=str(folder / "id.pub"), process_factory=answer, encoding=None
    )
    (folder / "known_hosts").write_text(f"fe-1 {host_key.export_public_key().decode()}")
    (folder / "config").write_text(
        f"Host fe-1\n  HostName 127.0.0.1\n  Port {listener.get_port()}\n  User bench\n  IdentityFile {folder}/id\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n  HostKeyAlias fe-1\n"
    )
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
