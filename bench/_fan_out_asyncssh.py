"""Both ends in asyncssh, each a program of its own: `server FOLDER HOSTS` plays the hosts, `client FOLDER` is the baseline.

The server prints {"ports": …, "host_key": …} and ends with its stdin. The client reads a number of hosts a line and prints the seconds that
`true` took on all of them; connections are opened when first needed and kept.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import asyncssh


async def serve(folder: Path, hosts: int) -> None:
    ours, host_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    ours.write_private_key(folder / "id")
    (folder / "id").chmod(0o600)  # OpenSSH takes no other
    ours.write_public_key(folder / "id.pub")

    def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        process.exit(0 if (process.command or "").split()[-1:] == ["true"] else 127)  # some put a shell before it

    ports = []
    for _ in range(hosts):
        acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=str(folder / "id.pub"), process_factory=answer
        )
        ports.append(acceptor.get_port())
    print(json.dumps({"ports": ports, "host_key": host_key.export_public_key().decode().strip()}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def ask(folder: Path) -> None:
    key = asyncssh.read_private_key(folder / "id")
    lines = (folder / "config").read_text().splitlines()
    ports = [int(line.split()[1]) for line in lines if line.strip().startswith("Port ")]
    pin = (folder / "known_hosts").read_text().split("\n")[0].split(" ", 1)[1]
    known = asyncssh.import_known_hosts("".join(f"[127.0.0.1]:{port} {pin}\n" for port in ports))
    connections: dict[int, asyncssh.SSHClientConnection] = {}

    async def one(port: int) -> None:
        if port not in connections:
            connections[port] = await asyncssh.connect(
                "127.0.0.1", port, username="bench", client_keys=[key], known_hosts=known, config=None, agent_path=None
            )
        done = await connections[port].run("true")
        if done.exit_status != 0:
            raise RuntimeError(f"port {port}: {done.exit_status}")

    print("ready", flush=True)
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        started = time.perf_counter()
        await asyncio.gather(*(one(port) for port in ports[: int(line)]))
        print(time.perf_counter() - started, flush=True)
    for connection in connections.values():
        connection.close()


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    asyncio.run(serve(folder, int(sys.argv[3])) if sys.argv[1] == "server" else ask(folder))
