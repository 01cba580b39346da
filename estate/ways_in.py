"""The ways into the estate besides its services, as `estate.yaml` has them: the VPN, the gateway with its named ports, the FTP account.

What is really there is asked by `access`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Vpn:
    """`instance` is the EC2 instance's Name."""

    instance: str
    lock_group: str


@dataclass(frozen=True, slots=True)
class NamedPorts:
    """What a visitor of the gateway may want: `ports` are ranges, first and last."""

    key: str
    name: str
    ports: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ports)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a host as a repository has it: what the host's image was built from. `repository` is its key."""

    repository: str
    url: str
    branch: str
    path: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """`group` is the security group's name. `owner`: console, or terraform; then the console keeps the entries of `prefix_list` alone."""

    instance: str
    lock_group: str
    group: str
    owner: str
    prefix_list: str
    services: Mapping[str, NamedPorts]
    configuration: Kept | None = None  # HAProxy's


@dataclass(frozen=True, slots=True)
class FtpAccount:
    """The account `user` on the hosts of a service; `group` is the one that it shares with the web user."""

    service: str
    environment: str
    user: str
    group: str
    lock_group: str


@dataclass(frozen=True, slots=True)
class WaysIn:
    """`environment` is whose permissions are asked."""

    environment: str
    vpn: Vpn | None
    gateway: Gateway | None
    ftp: FtpAccount | None


def ways_in(document: Mapping[str, Any], urls: Mapping[str, str]) -> WaysIn:
    """`urls` are the repositories' addresses, by key."""
    vpn, gateway, ftp = document.get("vpn"), document.get("gateway"), document.get("ftp")
    return WaysIn(
        document["environment"],
        Vpn(vpn["instance"], vpn.get("lock_group", "vpn")) if vpn else None,
        _gateway(gateway, urls) if gateway else None,
        FtpAccount(ftp["service"], ftp["environment"], ftp["user"], ftp["group"], ftp.get("lock_group", "ftp")) if ftp else None,
    )


def _gateway(document: Mapping[str, Any], urls: Mapping[str, str]) -> Gateway:
    kept = document.get("configuration")
    services = {key: NamedPorts(key, each["name"], tuple(map(_range, each["ports"]))) for key, each in document["services"].items()}
    return Gateway(
        document["instance"],
        document.get("lock_group", "gateway"),
        document["group"],
        document.get("owner", "console"),
        document.get("prefix_list", ""),
        services,
        Kept(kept["repository"], urls[kept["repository"]], kept["branch"], kept["path"]) if kept else None,
    )


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)
