"""What a host answers to a visitor: the shop from its own release, its own maintenance flag and the shared statics.

A host knows nothing of the load balancer; who is asked is decided in front of it.
"""

from __future__ import annotations

import html
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.hosts import applications, database, releases, statics
from sandbox.hosts.faults import stands
from sandbox.world import PREPROD_BACK, PROD_BACK, Host, World

_VERSIONED = re.compile(r"^version.+?/(.+)$")  # pub/static/.htaccess
_STATIC_PREFIXES = ("/static/", "/pub/static/")
_MEDIA_PREFIXES = ("/media/", "/pub/media/")
_HTML = {"Content-Type": "text/html; charset=UTF-8", "Cache-Control": "max-age=0, must-revalidate, no-cache, no-store", "Server": "Apache"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def answer(world: World, host: Host, path: str, headers: Mapping[str, str]) -> Answer:
    """`path` may carry a query. `headers` are the request's.

    While a release is being swapped, files go away under the reader: PHP calls that an error, too.
    """
    try:
        return _answer(world, host, unquote(urlsplit(path).path), headers)
    except OSError as error:
        return _error(str(error))


def _answer(world: World, host: Host, plain: str, headers: Mapping[str, str]) -> Answer:
    if host.other:
        return Answer(*applications.page(world, host))
    app = host.app
    if not (app / "pub/index.php").exists():
        return _page(404, "404 Not Found", "<h1>Not Found</h1><p>The requested URL was not found on this server.</p>")
    if plain in ("/pub/health_check.php", "/health_check.php"):
        return _health(world, host)
    for prefixes, folder in ((_STATIC_PREFIXES, "pub/static"), (_MEDIA_PREFIXES, "pub/media")):
        for prefix in prefixes:
            if plain.startswith(prefix) and (found := _file(app / folder, plain.removeprefix(prefix))):
                return found
    if _in_maintenance(app, headers):
        return _unavailable()
    if plain.startswith((*_STATIC_PREFIXES, *_MEDIA_PREFIXES)):
        return _page(404, "404 Not Found", "<h1>Not Found</h1>")
    return _magento(world, host, plain)


def _in_maintenance(app: Path, headers: Mapping[str, str]) -> bool:
    """Exempt addresses never match behind a load balancer: the remote address is the balancer's own."""
    return (app / "var/.maintenance.flag").exists()


def _health(world: World, host: Host) -> Answer:
    """pub/health_check.php: database and cache answer. It looks at neither the flag nor the schema nor the statics."""
    broken = (
        not (host.app / "vendor/autoload.php").exists()
        or not (host.app / "app/etc/env.php").exists()
        or stands(world, "database-down", host)
        or stands(world, "cache-down", host)
    )
    return Answer(500 if broken else 200, dict(_HTML), b"")


def _file(folder: Path, name: str) -> Answer | None:
    versioned = _VERSIONED.match(name)
    wanted = (folder / (versioned[1] if versioned else name)).resolve()
    if not wanted.is_relative_to(folder.resolve()) or not wanted.is_file() or wanted.name == ".htaccess":
        return None
    kind = mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
    return Answer(200, {"Content-Type": kind, "Cache-Control": "max-age=31536000, public", "Server": "Apache"}, wanted.read_bytes())


def _unavailable() -> Answer:
    body = (
        "<h1>Service Temporarily Unavailable</h1>\n"
        "<p>The server is temporarily unable to service your request due to maintenance downtime or capacity problems."
        " Please try again later.</p>"
    )
    return _page(503, "Service Temporarily Unavailable", body)


def _magento(world: World, host: Host, path: str) -> Answer:
    known = database.of_database(world, host)
    if not (host.app / "app/etc/env.php").exists() or known is None:
        return _error("Magento is not installed.")
    if stands(world, "database-down", host) or stands(world, "cache-down", host):
        return _error("SQLSTATE[HY000] [2002] Connection timed out")
    if reason := database.request_error(database.of_code(host.app), known):
        return _error(reason)
    version = statics.read_version(host.app / "pub/static")
    if not version:
        return _error("Unable to retrieve deployment version of static files from the file system.")
    if path.startswith("/backend"):
        return _backend(host, version) if host.environment in (PROD_BACK, PREPROD_BACK) else _page(404, "404 Not Found", "<h1>Whoops</h1>")
    return _shop(host, path, version)


def _error(reason: str) -> Answer:
    """Production mode shows a number only; the reason goes to a report file."""
    number = sum(reason.encode()) * 7919 % 10**12
    body = (
        "<h1>There has been an error processing your request</h1>\n"
        f"<p>Exception printing is disabled by default for security reasons.</p>\n<p>Error log record number: {number}</p>"
    )
    return _page(500, "Error 500: Internal Server Error", body)


def _shop(host: Host, path: str, version: str) -> Answer:
    title = {"/": "Accueil", "/catalogue.html": "Catalogue"}.get(path, path.strip("/").removesuffix(".html").replace("-", " ").capitalize())
    at = f"/static/version{version}/frontend/Client/dlm/fr_FR"
    label = releases.deployed_label(host)
    head = f'<link rel="stylesheet" href="{at}/css/styles-m.css"><script src="{at}/requirejs/require.js"></script>'
    body = (
        f'<div class="page-wrapper"><a href="/"><img src="{at}/images/logo.svg" alt="Client"></a>\n<h1>{html.escape(title)}</h1>\n'
        '<nav><a href="/">Accueil</a> <a href="/catalogue.html">Catalogue</a> <a href="/lampe-dlm-42.html">Lampe DLM 42</a></nav>\n'
        f"<footer><small>Release {label} on {host.name}</small></footer></div>"
    )
    return _page(200, f"{title} | Client", body, head + f'<meta name="release" content="{label}">')


def _backend(host: Host, version: str) -> Answer:
    at = f"/static/version{version}/adminhtml/Magento/backend/en_US"
    head = f'<link rel="stylesheet" href="{at}/css/styles-m.css"><meta name="release" content="{releases.deployed_label(host)}">'
    body = (
        '<form method="post" id="login-form"><h1>Welcome, please sign in</h1><label>Username <input name="login[username]"></label>'
        '<label>Password <input type="password" name="login[password]"></label><button>Sign in</button></form>'
    )
    return _page(200, "Magento Admin", body, head)


def _page(status: int, title: str, body: str, head: str = "") -> Answer:
    head = f'<head><meta charset="utf-8"><title>{html.escape(title)}</title>{head}</head>'
    return Answer(status, dict(_HTML), f'<!doctype html>\n<html lang="fr">{head}\n<body>{body}</body></html>\n'.encode())
