"""A VPN host as a folder, and the console's program run on it as root would run it: without SSH and without a sandbox's process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from access import programs
from access.programs import Sections
from access.vpn import profile, server
from access.vpn.profile import Found
from access.vpn.server import Server
from sandbox.hosts.vpn import files
from sandbox.world import Host, make_world

PROGRAM = Path(programs.__file__).parent / "host/vpn.sh"


class Ground:
    """A VPN host's folder, and its program run there as root would: with easy-rsa where that is installed."""

    def __init__(self, folder: Path) -> None:
        world = make_world(folder, speed=1000, seed=1)
        self.host: Host = world.machines["openvpn"]
        self.root = self.host.root
        files.install(world, self.host)

    def run(self, *words: str) -> str:
        environment = {**os.environ, "OPSCONSOLE_ROOT": str(self.root)}
        done = subprocess.run(["sh", PROGRAM, *words], capture_output=True, env=environment, timeout=100, check=False)
        return (done.stdout + done.stderr).decode()

    def look(self, name: str) -> Found:
        return profile.read(Sections(self.run("look", name)), name)

    def report(self) -> Server:
        return server.read(Sections(self.run("report")))

    def created(self, name: str) -> tuple[Found, str]:
        """What is there after create_user.sh, and what it said."""
        said = self.run("create", name)
        return self.look(name), said

    def file(self, name: str) -> Path:
        return self.root / f"root/client-configs/files/{name}.ovpn"
