"""`maintenance:*`: the flag file of one host's release, as stock Magento has it (lib/…/App/MaintenanceMode.php)."""

from __future__ import annotations

import ipaddress

from sandbox.hosts.magento.call import Call


def enable(call: Call) -> int:
    addresses = [option.split("=", 1)[1] for option in call.options if option.startswith("--ip=")]
    if bad := _first_bad(addresses):
        call.error(f"Invalid IP {bad}")
        return 1
    flag = call.app / "var/.maintenance.flag"
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.touch()
    call.line("Enabled maintenance mode")
    if addresses:
        _set_addresses(call, addresses, ", ")
    return 0


def disable(call: Call) -> int:
    (call.app / "var/.maintenance.flag").unlink(missing_ok=True)
    call.line("Disabled maintenance mode")
    return 0


def status(call: Call) -> int:
    """Exit code 0 whether it is on or off."""
    on = (call.app / "var/.maintenance.flag").exists()
    call.line(f"Status: maintenance mode is {'active' if on else 'not active'}")
    call.line(f"List of exempt IP-addresses: {' '.join(_addresses(call)) or 'none'}")
    return 0


def allow_ips(call: Call) -> int:
    addresses = [option for option in call.options if not option.startswith("--")]
    if bad := _first_bad(addresses):
        call.error(f"Invalid IP {bad}")
        return 1
    if "--add" in call.options:
        addresses = [*_addresses(call), *addresses]
    _set_addresses(call, [] if "--none" in call.options else addresses, " ")
    return 0


def _set_addresses(call: Call, addresses: list[str], separator: str) -> None:
    kept = [address for address in addresses if address != "none"]
    path = call.app / "var/.maintenance.ip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join(kept)) if kept else path.unlink(missing_ok=True)
    call.line(f"Set exempt IP-addresses: {separator.join(kept) or 'none'}")


def _addresses(call: Call) -> list[str]:
    path = call.app / "var/.maintenance.ip"
    return [address for address in path.read_text().split(",") if address] if path.exists() else []


def _first_bad(addresses: list[str]) -> str:
    for address in addresses:
        try:
            if address != "none":
                ipaddress.ip_address(address)
        except ValueError:
            return address
    return ""
