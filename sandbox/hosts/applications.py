"""The smaller applications (PIM, Custom Connection, Mirakl-HiPay connector) on their hosts: console, page, and what they leave in /etc.

They share one database. What it knows of an application's entities is a fingerprint, as with Magento's schema.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.durations import DURATIONS
from sandbox.hosts import releases
from sandbox.hosts.faults import stands, strikes_command, text_of
from sandbox.world import Host, World

PARAMETERS = "parameters:\n    database_host: client-shared.db.internal-client.url\n    database_name: {name}\n    database_password: ''\n"
_SERVER = {"Server": "Apache", "Content-Type": "text/html; charset=UTF-8"}


def fingerprint(app: Path) -> str:
    """Of all entities of this code."""
    files = sorted(app.glob("src/Entity/*.php"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def known(world: World, host: Host) -> str:
    """What the shared database knows; empty before the first update."""
    path = _database(world)
    with world.lock:
        content: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return content.get(host.other, "")


def learn(world: World, host: Host, app: Path) -> None:
    path = _database(world)
    with world.lock:
        content = json.loads(path.read_text()) if path.exists() else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content | {host.other: fingerprint(app)}))


def console(world: World, host: Host, app: Path, argv: Sequence[str], write: Callable[[str], None]) -> int:
    """`php bin/console ARGV`, in a release's folder."""
    name = argv[0] if argv else "list"
    world.clock.sleep(DURATIONS.magento_start)
    if fault := strikes_command(world, "command-fails", host, name, unnamed=False):
        write(text_of(fault, name, "/" + str(app.relative_to(host.root))))
        return 1
    if name == "doctrine:schema:validate":
        return _validate(world, host, app, write)
    if name != "doctrine:schema:update":
        write(f'\n  Command "{name}" is not defined.\n\n' if name != "list" else "Symfony 4.4.50 (env: prod, debug: false)\n")
        return 0 if name == "list" else 1
    if not (app / "config/parameters.yml").exists() or stands(world, "database-down", host):
        write("\nIn AbstractMySQLDriver.php line 128:\n\n  SQLSTATE[HY000] [2002] Connection refused\n\n")
        return 1
    if known(world, host) == fingerprint(app):
        write("\n [OK] Nothing to update - your database is already in sync with the current entity metadata.\n\n")
        return 0
    write("\n Updating database schema...\n\n")
    world.clock.sleep(DURATIONS.schema_update)
    learn(world, host, app)
    write("     1 query was executed\n\n [OK] Database schema updated successfully!\n\n")
    return 0


def _validate(world: World, host: Host, app: Path, write: Callable[[str], None]) -> int:
    """Doctrine's exit code 2: the mapping is right, the database is not in sync with it."""
    write("\nMapping\n-------\n\n [OK] The mapping files are correct.\n\nDatabase\n--------\n\n")
    if known(world, host) == fingerprint(app):
        write(" [OK] The database schema is in sync with the mapping files.\n\n")
        return 0
    write(" [ERROR] The database schema is not in sync with the current mapping file.\n\n")
    return 2


def page(world: World, host: Host) -> tuple[int, dict[str, str], bytes]:
    """What its web server answers, whatever the path: status, headers, body."""
    app = host.app
    if not (app / "public/index.php").exists():
        return 404, dict(_SERVER), b"<h1>Not Found</h1>"
    if owner(host, "/var/app/current") != "webapp" or not (app / "config/parameters.yml").exists():
        return 500, dict(_SERVER), b"<h1>Oops! An Error Occurred</h1><p>The server returned a 500 Internal Server Error.</p>"
    if stands(world, "database-down", host) or known(world, host) != fingerprint(app):
        return 500, dict(_SERVER), b"<h1>Oops! An Error Occurred</h1><p>The server returned a 500 Internal Server Error.</p>"
    title = html.escape(host.other)
    body = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Release {releases.deployed_label(host)} on {host.name}</p>\n"
    return 200, dict(_SERVER), body.encode()


# What a host remembers, beside its files.


def owner(host: Host, path: str) -> str:
    """Who owns the release, as `chown` last said; Beanstalk itself unpacks it as root's."""
    return _noted(host, "owners").get(path, "root")


def own(host: Host, path: str, user: str) -> None:
    _note(host, "owners", {path: user})


def start_services(host: Host, names: Sequence[str]) -> None:
    _note(host, "services", dict.fromkeys(names, "running"))


def note_service(host: Host, service: str, *, running: bool) -> None:
    _note(host, "services", {service: "running" if running else "stopped"})


def is_running(world: World, host: Host, service: str) -> bool:
    """crond runs from a host's first boot on."""
    noted = _noted(host, "services").get(service, "running" if service == "crond" else "")
    return noted == "running" and not stands(world, "service-stopped", host, service=service)


def users(host: Host) -> dict[str, str]:
    """Name -> its line in /etc/passwd."""
    path = host.root / "etc/passwd"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.partition(":")[0]: line for line in lines}


def add_user(host: Host, argv: Sequence[str], write: Callable[[str], None]) -> int:
    """`useradd -d HOME -g GROUP -s SHELL NAME`."""
    name, known_users = argv[-1], users(host)
    if name in known_users:
        write(f"useradd: user '{name}' already exists\n")
        return 9
    home, shell = (argv[argv.index(flag) + 1] if flag in argv else "" for flag in ("-d", "-s"))
    lines = [*known_users.values(), f"{name}:x:{501 + len(known_users)}:501::{home}:{shell}"]
    (host.root / "etc/passwd").write_text("\n".join(lines) + "\n")
    return 0


def new_password(host: Host, hash: str, name: str, days: int) -> int:
    """`usermod -p HASH NAME`: its line in /etc/shadow, with the day."""
    if name not in users(host):
        return 6
    path = host.root / "etc/shadow"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}:")] if path.exists() else []
    path.touch(mode=0o600)
    path.write_text("\n".join([*lines, f"{name}:{hash}:{days}:0:99999:7:::"]) + "\n")
    return 0


def _noted(host: Host, what: str) -> dict[str, str]:
    path = host.root / f"var/lib/sandbox/{what}.json"
    noted: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return noted


def _note(host: Host, what: str, news: dict[str, str]) -> None:
    path = host.root / f"var/lib/sandbox/{what}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_noted(host, what) | news))


def _database(world: World) -> Path:
    return world.data / "db" / "shared.json"
