"""What the played database of an environment knows of the code: module versions, the declarative schema, imported configuration.

Magento compares these with the code in three places: `setup:db:status`, `app:config:status` and at each request.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.hosts.shares import stage_of
from sandbox.world import Host, World

_CONFIG_CHANGED = (
    'The configuration file has changed. Run the "app:config:import" or the "setup:upgrade" command to synchronize the configuration.'
)
_MODULE_ROW = re.compile(r"^\s*'(\w+)'\s*=>\s*(\d)", re.MULTILINE)
_MODULE_LIST = re.compile(r"'modules'\s*=>\s*\[(.*?)\]", re.DOTALL)
_VERSION = re.compile(r"<module\s+name=\"(\w+)\"\s+setup_version=\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Schema:
    """Of a database or of code: compared with one another."""

    modules: dict[str, str]  # module -> version, of enabled modules with a setup_version
    tables: str  # fingerprint of all db_schema.xml of enabled modules
    config: str  # fingerprint of config.php without its module list


def enabled_modules(app: Path) -> dict[str, bool]:
    """The module list of app/etc/config.php; empty where the file is missing."""
    config = app / "app/etc/config.php"
    text = config.read_text() if config.exists() else ""
    found = _MODULE_LIST.search(text)
    return {name: enabled == "1" for name, enabled in _MODULE_ROW.findall(found[1])} if found else {}


def of_code(app: Path) -> Schema:
    enabled = enabled_modules(app)
    versions: dict[str, str] = {}
    tables = hashlib.sha256()
    for module_xml in sorted(app.glob("app/code/*/*/etc/module.xml")):
        declared = _VERSION.search(module_xml.read_text())
        if declared and enabled.get(declared[1]):
            versions[declared[1]] = declared[2]
            schema = module_xml.with_name("db_schema.xml")
            tables.update(schema.read_bytes() if schema.exists() else b"")
    config = app / "app/etc/config.php"
    settings = _MODULE_LIST.sub("", config.read_text()) if config.exists() else ""
    return Schema(versions, tables.hexdigest(), hashlib.sha256(settings.encode()).hexdigest())


def of_database(world: World, host: Host, app: Path | None = None) -> Schema | None:
    """The host's own; on the build host the one that the env.php of `app` names. None where Magento was never installed into it."""
    stage = stage_of(host)
    if app is not None and not host.environment:
        env = app / "app/etc/env.php"
        if not env.exists():
            return None
        stage = "preprod" if "client-magento-preprod." in env.read_text() else "prod"
    with world.lock:
        path = _path(world, stage)
        return Schema(**json.loads(path.read_text())) if path.exists() else None


def write(world: World, host: Host, schema: Schema) -> None:
    with world.lock:
        path = _path(world, stage_of(host))
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(asdict(schema), indent=2))
        beside.replace(path)


def request_error(code: Schema, database: Schema) -> str:
    """What DbStatusValidator and ConfigChangeDetector throw at a request; empty when code and database fit."""
    for name, version in code.modules.items():
        known = database.modules.get(name, "none")
        if known != version and (known == "none" or _parts(known) < _parts(version)):
            return 'Please upgrade your database: Run "bin/magento setup:upgrade" from the Magento root directory.'
        if known != version:
            return 'Please update your modules: Run "composer install" from the Magento root directory.'
    if code.tables != database.tables:
        return "SQLSTATE[42S22]: Column not found: 1054 Unknown column 'relay_point_id' in 'field list'"
    if code.config != database.config:
        return _CONFIG_CHANGED
    return ""


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _path(world: World, stage: str) -> Path:
    return world.data / "db" / f"{stage}.json"
