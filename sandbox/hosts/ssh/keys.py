"""The keys of the sandbox's SSH, made at its first start, and the files by which a client finds the hosts: ssh_config and known_hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncssh

from sandbox.world import Host, World

BITBUCKET = "bitbucket.org"


@dataclass(frozen=True, slots=True)
class Place:
    """Something that is reached over SSH; the first name is its HostKeyAlias."""

    names: tuple[str, ...]
    user: str
    port: int


def folder(world: World) -> Path:
    path = world.data / "ssh"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def key(world: World, name: str) -> asyncssh.SSHKey:
    """The private key of that name, made where it is not there yet."""
    path = folder(world) / name
    if not path.exists():
        made = asyncssh.generate_private_key("ssh-ed25519", comment=f"sandbox {name}")
        path.touch(mode=0o600)
        made.write_private_key(path)
        made.write_public_key(path.with_suffix(".pub"))
    return asyncssh.read_private_key(path)


def authorize(world: World, place: Path) -> Path:
    """The `authorized_keys` in the folder `place`; where there is none yet, it is made with the client's key."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = place / "authorized_keys"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(key(world, "id_ed25519").export_public_key().decode())
    return path


def fingerprints(world: World, host: Host) -> list[str]:
    """As ssh-keygen -l says them, and cloud-init prints them at the first boot. A fault that changes the key changes nothing here."""
    told = key(world, f"host-{host.instance_id}").get_fingerprint()
    return [f"256 {told} root@ip-{host.private_ip.replace('.', '-')} (ED25519)"]


def place_of(host: Host) -> Place:
    return Place((host.instance_id, host.name, host.private_ip), "ec2-user", host.ssh_port)


def write_client_files(world: World, places: list[Place]) -> None:
    """`ssh_config` and `known_hosts` below `data/ssh`, for the ports of this start."""
    at = folder(world)
    blocks = [_block(at, place) for place in places]
    (at / "ssh_config").write_text("# Written by the sandbox at its start.\n" + "\n".join(blocks))
    lines = []
    for place in places:
        public = key(world, f"host-{place.names[0]}").export_public_key().decode().split()
        lines.append(f"{','.join(place.names)},[127.0.0.1]:{place.port} {public[0]} {public[1]}\n")
    (at / "known_hosts").write_text("".join(lines))


def _block(at: Path, place: Place) -> str:
    rows = {
        "HostName": "127.0.0.1",
        "Port": str(place.port),
        "User": place.user,
        "HostKeyAlias": place.names[0],
        "IdentityFile": _quoted(at / "id_ed25519"),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": _quoted(at / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "PasswordAuthentication": "no",
    }
    return f"Host {' '.join(place.names)}\n" + "".join(f"    {name} {value}\n" for name, value in rows.items())


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
