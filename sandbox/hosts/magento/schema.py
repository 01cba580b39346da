"""`setup:upgrade`, `setup:db:status`, `app:config:*`: the code against the environment's played database."""

from __future__ import annotations

import shutil
from dataclasses import replace

from sandbox.durations import DURATIONS
from sandbox.hosts import database
from sandbox.hosts.database import Schema
from sandbox.hosts.faults import stands
from sandbox.hosts.magento.call import Call
from sandbox.world import Fault

_UPGRADE_REQUIRED = _IMPORT_REQUIRED = 2
_NOT_INSTALLED = "No information is available: the Magento application is not installed."
_NO_DATABASE = "  SQLSTATE[HY000] [2002] Connection timed out"


def db_status(call: Call) -> int:
    if stands(call.world, "database-down", call.host):
        call.error("", "In AbstractAdapter.php line 144:", "", _NO_DATABASE, "")
        return 1
    known = database.of_database(call.world, call.host, call.app)
    if known is None:
        call.line(_NOT_INSTALLED)
        return 1
    _touch_the_cache(call)
    if lie := call.world.faults.strikes("status-lies", call.host.name, command="setup:db:status"):
        return _lie(call, lie)
    code = database.of_code(call.app)
    wrong = []
    if code.tables != known.tables:
        wrong.append("Declarative Schema is not up to date")
    if code.modules != known.modules:
        wrong += _old_versions(code, known)
    if not wrong:
        call.line("All modules are up to date.")
        return 0
    call.line(*wrong, "Run 'setup:upgrade' to update your DB schema and data.")
    return _UPGRADE_REQUIRED


def _old_versions(code: Schema, known: Schema) -> list[str]:
    rows = ["The module code base doesn't match the DB schema and data."]
    for name in sorted(code.modules):
        before, after = known.modules.get(name, "none"), code.modules[name]
        if before != after:
            rows += [f"{name:>20} {kind:>10}: {before:>11}  ->  {after:<11}" for kind in ("schema", "data")]
    if any(name in known.modules and known.modules[name] > version for name, version in code.modules.items()):
        rows.append("Some modules use code versions newer or older than the database.")
    return rows


def config_status(call: Call) -> int:
    known = database.of_database(call.world, call.host, call.app)
    _touch_the_cache(call)
    if known and known.config == database.of_code(call.app).config:
        call.line("Config files are up to date.")
        return 0
    call.line("Config files have changed. Run app:config:import or setup:upgrade command to synchronize configuration.")
    return _IMPORT_REQUIRED


def config_import(call: Call) -> int:
    known, code = database.of_database(call.world, call.host), database.of_code(call.app)
    if known and known.config == code.config:
        call.line("Nothing to import.")
        return 0
    call.line("Processing configurations data from configuration file...", "System config was processed")
    database.write(call.world, call.host, replace(known or Schema({}, "", ""), config=code.config))
    return 0


def upgrade(call: Call) -> int:
    """Without --keep-generated it empties pub/static, and with a share mounted there, the share."""
    call.line("Cache types config flushed successfully", "Cache cleared successfully")
    if "--keep-generated" not in call.options:
        _clean_up(call)
    if _may_only_read(call):
        call.error("", "In Mysql.php line 110:", "", "  SQLSTATE[42000]: 1142 ALTER command denied to user", "")
        return 1
    if stands(call.world, "database-down", call.host):
        call.error("", "In AbstractAdapter.php line 144:", "", _NO_DATABASE, "")
        return 1
    code = database.of_code(call.app)
    known = database.of_database(call.world, call.host) or Schema({}, "", code.config)
    modules = list(database.enabled_modules(call.app))
    pause = DURATIONS.setup_upgrade / (2 * max(len(modules), 1) + 2)
    call.line("Updating modules:")
    call.sleep(pause)
    call.line("Cache cleared successfully", "Schema creation/updates:")
    for name in modules:
        call.line(f"Module '{name}':")
        call.sleep(pause)
    known = replace(known, tables=code.tables)
    database.write(call.world, call.host, known)
    call.line("Data install/update:", "Disabling caches:", "Current status:", "layout: 0", "block_html: 0", "full_page: 0")
    for name in modules:
        call.line(f"Module '{name}':")
        call.sleep(pause)
        if name in code.modules:
            known = replace(known, modules=known.modules | {name: code.modules[name]})
            database.write(call.world, call.host, known)
    call.line("Enabling caches:", "Current status:", "layout: 1", "block_html: 1", "full_page: 1", "Cache cleared successfully")
    call.sleep(pause)
    call.line("Nothing to import." if known.config == code.config else "Processing configurations data from configuration file...")
    database.write(call.world, call.host, replace(known, modules=dict(code.modules), config=code.config))
    if "--keep-generated" not in call.options:
        call.line('Please re-run Magento compile command. Use the command "setup:di:compile"')
    call.line("Media files stored outside of 'Media Gallery Allowed' folders will not be available to the media gallery.")
    call.line("Please refer to Developer Guide for more details.")
    return 0


def _lie(call: Call, lie: Fault) -> int:
    """Magento's answer is known to be wrong on some estates; what it says then is asked for on the control page."""
    if lie.options.get("says") == "needed":
        call.line("Declarative Schema is not up to date", "Run 'setup:upgrade' to update your DB schema and data.")
        return _UPGRADE_REQUIRED
    call.line(lie.options.get("text", "All modules are up to date."))
    return 0


def _env(call: Call) -> str:
    path = call.app / "app/etc/env.php"
    return path.read_text() if path.exists() else ""


def _may_only_read(call: Call) -> bool:
    return "'opsconsole_ro'" in _env(call)


def _touch_the_cache(call: Call) -> None:
    """New code that is started with production's cache in its env.php writes there, before it is live."""
    if "Cm_Cache_Backend_Redis" in _env(call) and not call.host.environment:
        call.world.deeds.end(call.world.deeds.begin("wrote to the cache of the live shop", call.host.name))


def _clean_up(call: Call) -> None:
    call.line("File system cleanup:")
    for folder in (call.app / "generated/code", call.app / "generated/metadata", call.app / "var/view_preprocessed"):
        shutil.rmtree(folder, ignore_errors=True)
        call.line(call.shown(folder))
    for entry in sorted(call.static.glob("*")):
        if entry.name.startswith("."):
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        call.line(call.shown(entry))
    call.line("The directory '" + call.shown(call.static) + "' doesn't exist - skipping cleanup" if not call.static.exists() else "")
