"""bitbucket.org, played: fetching from its repositories by the real `git upload-pack`, and nothing else."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from pathlib import Path

import asyncssh

from sandbox.hosts.ssh.keys import BITBUCKET
from sandbox.hosts.ssh.pipes import Line, carry, start
from sandbox.repositories import NAMES
from sandbox.world import World

_REFUSED = b"Unauthorized\nfatal: Could not read from remote repository.\n"


async def handle(world: World, process: asyncssh.SSHServerProcess[bytes]) -> None:
    repository = _asked_for(world, process.command or "")
    if repository is None:
        process.stderr.write(
            _REFUSED
            if process.command
            else b"logged in as sandbox.\n\nYou can use git to connect to Bitbucket. Shell access is disabled.\n"
        )
        process.exit(1 if process.command else 0)
        return
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
    }
    if protocol := process.env.get("GIT_PROTOCOL"):
        environment["GIT_PROTOCOL"] = str(protocol)
    line = Line(process, world, BITBUCKET)
    git = shutil.which("git") or "git"
    argv = ["git", "-c", "safe.directory=*", "upload-pack", str(repository)]
    child = await start(argv, executable=git, environment=environment, cwd=world.data)
    with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
        line.exit(await carry(child, process, line))


def _asked_for(world: World, line: str) -> Path | None:
    """`git-upload-pack 'client/magento.git'`; the name may begin with a slash and lack its `.git`."""
    try:
        argv = shlex.split(line)
    except ValueError:
        return None
    if argv[:2] == ["git", "upload-pack"]:
        argv = ["git-upload-pack", *argv[2:]]
    if len(argv) != 2 or argv[0] != "git-upload-pack":
        return None
    known = {f"client/{name}": world.data / "repositories" / "client" / f"{name}.git" for name in NAMES}
    return known.get(argv[1].strip("/").removesuffix(".git"))
