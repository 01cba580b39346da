"""`bin/magento`, played: exact outputs and exit codes of Magento 2.4.6, real files in the release that it is called in.

A command gets a `Call` and answers its exit code; it prints through `call.line`, at once, and sleeps through `call.sleep`, which ends the
command (`Killed`) when the process that plays `php` on the host was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.durations import DURATIONS
from sandbox.hosts.faults import strikes_command, text_of
from sandbox.hosts.magento import code, maintenance, schema, shop, static_content
from sandbox.hosts.magento.call import Call, Killed
from sandbox.world import Host, World

__all__ = ["Killed", "run"]

VERSION = "Magento CLI 2.4.6-p1"

_COMMANDS: dict[str, Callable[[Call], int]] = {
    "maintenance:enable": maintenance.enable,
    "maintenance:disable": maintenance.disable,
    "maintenance:status": maintenance.status,
    "maintenance:allow-ips": maintenance.allow_ips,
    "setup:upgrade": schema.upgrade,
    "setup:db:status": schema.db_status,
    "app:config:status": schema.config_status,
    "app:config:import": schema.config_import,
    "setup:static-content:deploy": static_content.deploy,
    "setup:di:compile": code.compile_code,
    "module:enable": code.module_enable,
    "module:status": code.module_status,
    "deploy:mode:show": shop.mode,
    "cache:flush": shop.cache_flush,
    "cache:clean": shop.cache_clean,
    "indexer:status": shop.indexer_status,
    "cron:run": shop.cron_run,
}


def run(
    world: World,
    host: Host,
    app: Path,
    argv: Sequence[str],
    write: Callable[[str], None],
    *,
    killed: Callable[[], bool] = lambda: False,
) -> int:
    """Plays `php APP/bin/magento ARGV` on a host; `app` is the release's folder. Raises Killed when `killed` turns true."""
    call = Call(
        world,
        host,
        app,
        [argument for argument in argv if argument not in ("-n", "--no-interaction", "--ansi", "--no-ansi")],
        write,
        killed,
    )
    call.sleep(DURATIONS.magento_start)
    if not call.argv or "--version" in call.argv or "-V" in call.argv:
        call.line(VERSION)
        return 0
    name = call.argv[0]
    command = _COMMANDS.get(name)
    if command is None:
        call.error("", f'  Command "{name}" is not defined.', "")
        return 1
    if not (app / "vendor/autoload.php").exists():
        call.error("Vendor autoload is not found. Please run 'composer install' under application root directory.")
        return 1
    if fault := strikes_command(world, "command-fails", host, name, unnamed=False):
        write(text_of(fault, name, call.shown(app)))
        return 1
    return command(call)
