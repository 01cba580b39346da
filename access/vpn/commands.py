"""The commands of the VPN host: what is executed by the console's program there, and the hand-over document's or easy-rsa's words. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from access.programs import argv

CRL_DAYS = 3650  # an expired CRL puts everybody out: it is as long as the CA, and renewed with each change


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    words: str


def create(name: str) -> Command:
    return Command(argv("vpn", "create", name), f"/root/client-configs/create_user.sh {name}")


def set_aside(name: str) -> Command:
    return Command(argv("vpn", "set-aside", name), f"mv what a failed attempt left of {name} to /root/client-configs/set-aside/")


def revoke(serial: str, name: str) -> Command:
    return Command(argv("vpn", "revoke", serial), f"cd /root/easy-rsa && ./easyrsa --batch revoke {name}")


def crl() -> Command:
    words = "cd /root/easy-rsa && ./easyrsa gen-crl && install -m 0644 pki/crl.pem /etc/openvpn/crl.pem"
    return Command(argv("vpn", "crl", str(CRL_DAYS)), words)


def kill(name: str) -> Command:
    return Command(argv("vpn", "kill", name), f"echo 'kill {name}' | socat - /run/openvpn/server.sock")


def suspend(name: str) -> Command:
    return Command(argv("vpn", "suspend", name), f"echo disable >> /etc/openvpn/ccd/{name}")


def resume(name: str) -> Command:
    return Command(argv("vpn", "resume", name), f"sed -i /^disable$/d /etc/openvpn/ccd/{name}")


def merge(lines: Iterable[str]) -> Command:
    text = "".join(f"{line}\n" for line in lines)
    return Command(
        argv("vpn", "merge", base64.b64encode(text.encode()).decode()),
        "add to /root/easy-rsa/pki/index.txt what the image has lost:\n" + text,
    )


def profile(name: str) -> Command:
    return Command(argv("vpn", "profile", name), f"cat /root/client-configs/files/{name}.ovpn")
