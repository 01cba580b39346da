"""Asking for a fault by the command that it is about, and the texts that Magento, PHP and MySQL print when it strikes."""

from __future__ import annotations

import re

from sandbox.world import Fault, Host, World

_SQLSTATE = """Schema creation/updates:
Module 'Magento_Store':
Module 'Magento_Sales':
Module 'Client_Checkout':

In Mysql.php line 110:

  SQLSTATE[42S21]: Column already exists: 1060 Duplicate column name 'relay_point_id', query was: \
ALTER TABLE `client_relay_point` ADD COLUMN `relay_point_id` varchar(64) NULL COMMENT "relay_point_id"


In Mysql.php line 91:

  SQLSTATE[42S21]: Column already exists: 1060 Duplicate column name 'relay_point_id'


setup:upgrade [--keep-generated] [--convert-old-scripts [CONVERT-OLD-SCRIPTS]] [--safe-mode [SAFE-MODE]] \
[--data-restore [DATA-RESTORE]] [--dry-run [DRY-RUN]] [--magento-init-params MAGENTO-INIT-PARAMS]
"""
_COMPILE = """Compilation was started.
Repositories code generation... 1/9 [===>------------------------]  11% 2 secs 108.0 MiB
Proxies code generation... 2/9 [======>---------------------]  22% 5 secs 142.0 MiB
Errors during compilation:
\tClient\\Checkout\\Model\\RelayPoint
\t\tIncompatible argument type: Required type: \\Client\\Checkout\\Api\\RelayPointInterface. Actual type: array; File:
{app}/app/code/Client/Checkout/Model/RelayPoint.php

Total Errors Count: 1

In Errors.php line 110:

  Error during compilation
"""
_DISK_FULL = """
In File.php line 613:

  The "{app}/generated/metadata/global.php" file can't be written. \
Warning!file_put_contents({app}/generated/metadata/global.php): failed to open stream: No space left on device
"""
_OTHER = """
In Application.php line 41:

  Warning: include(): Failed opening '{app}/vendor/composer/../magento/framework/registration.php' for inclusion
"""


def bare(command: str) -> str:
    """`02_setup_upgrade` and `setup:upgrade` are both `setup_upgrade`."""
    return re.sub(r"^\d+_", "", command).replace(":", "_").replace("-", "_")


def strikes_command(world: World, kind: str, host: Host, command: str, *, unnamed: bool) -> Fault | None:
    """The fault of that kind that names this command, or that names none where `unnamed` is true."""
    for fault in world.faults.listed():
        named = fault.options.get("command", "")
        if fault.kind == kind and fault.host in ("", host.name) and (bare(named) == bare(command) if named else unnamed):
            return world.faults.strikes(kind, host.name, command=named)
    return None


def stands(world: World, kind: str, host: Host, **options: str) -> bool:
    """Whether such a fault is there, without using it up: for conditions that last. An option that the fault names must fit, too."""
    return any(
        fault.kind == kind
        and fault.host in ("", host.name)
        and all(fault.options.get(name, value) == value for name, value in options.items())
        for fault in world.faults.listed()
    )


def text_of(fault: Fault, command: str, app: str) -> str:
    """What the failing command prints; the option `reason` is `sqlstate`, `compile`, `disk-full`, or the text itself."""
    default = {"setup_upgrade": "sqlstate", "di_compile": "compile", "setup_di_compile": "compile"}.get(bare(command), "other")
    reason = fault.options.get("reason", default)
    known = {"sqlstate": _SQLSTATE, "compile": _COMPILE, "disk-full": _DISK_FULL, "other": _OTHER}
    return known.get(reason, reason + "\n").replace("{app}", app)
