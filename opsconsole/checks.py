"""Settings that would be unsafe, refused before anything starts: by `manage.py` as a system check, by the web process when it begins."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http.request import split_domain_port, validate_host
from redis.connection import parse_url

from live import wire
from runs import retention

JSON = "rq.serializers.JSONSerializer"


@register("console")
def console_settings(**_: Any) -> list[CheckMessage]:
    return [*_secret(), *_hosts(), *_site(), *_redis(), *_queues(), *_proxy(), *_second_factor(), *_kept(), *_sentry()]


@register(Tags.database)
def database_takes_every_character(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Asked before the first migration: later it is too late, and half of what is seen of the world is not ASCII."""
    if not databases or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        encoding = cursor.fetchone()[0]
    if encoding == "UTF8":
        return []
    said = f"The database is in {encoding}: words with an accent cannot be stored."
    return [Error(said, hint="Make it anew: createdb --encoding UTF8 --template template0 NAME.", id="console.E009")]


def require_sound_settings() -> None:
    """For a server that runs no system checks. Raises ImproperlyConfigured."""
    wrong = [f"{message.msg} {message.hint}" for message in console_settings()]
    if wrong:
        raise ImproperlyConfigured(" ".join(wrong))


def _secret() -> list[CheckMessage]:
    """Whoever knows the key makes sessions for everybody."""
    key = settings.SECRET_KEY
    if not settings.BEHIND_TLS or (len(key) >= 50 and len(set(key)) >= 5 and not key.startswith(("django-insecure-", "change", "secret"))):
        return []
    said = "SECRET_KEY is short, or one that somebody could guess."
    return [Error(said, hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(64))'.", id="console.E006")]


def _second_factor() -> list[CheckMessage]:
    if settings.SECOND_FACTOR or not settings.BEHIND_TLS:
        return []
    said = "SECOND_FACTOR is off, and the console is served over https as in production."
    return [Error(said, hint="Turn it on. It may be off for a demo on http://localhost alone.", id="console.E007")]


def _kept() -> list[CheckMessage]:
    """What is kept for too short a time is lost before anybody misses it; of what is kept for too long nothing could be removed."""
    hint = f"Set it to {retention.FEWEST} to {retention.MOST}, or to 0: for ever."
    days = {kind.setting: kind.days for kind in retention.registered() if kind.days}
    short = [f"{name} is {each}: that is fewer days than AWS itself remembers." for name, each in days.items() if each < retention.FEWEST]
    long = [f"{name} is {each}: that is more days than there are." for name, each in days.items() if each > retention.MOST]
    return [Error(said, hint=hint, id="console.E008") for said in [*short, *long]]


def _hosts() -> list[CheckMessage]:
    if settings.ALLOWED_HOSTS and not any("*" in host or host.startswith(".") for host in settings.ALLOWED_HOSTS):
        host, _ = split_domain_port(urlsplit(settings.SITE_URL).netloc)
        if not host or validate_host(host, settings.ALLOWED_HOSTS):
            return []
        said = f"ALLOWED_HOSTS does not name {host}, by which SITE_URL says that people come: pages asked by that name are refused."
        return [Error(said, hint=f"Add {host} to it, or correct SITE_URL.", id="console.E010")]
    said = "ALLOWED_HOSTS is empty or has a wildcard: pages and websockets of other sites could speak to the console."
    return [Error(said, hint="Name each host by which people reach the console.", id="console.E001")]


def _site() -> list[CheckMessage]:
    parts = urlsplit(settings.SITE_URL)
    if parts.scheme in ("http", "https") and parts.hostname and not (parts.path or parts.query or parts.fragment or parts.username):
        return []
    hint = "Write scheme, host and port alone, such as https://ops.client.url."
    return [Error(f"SITE_URL is “{settings.SITE_URL}”: websockets are accepted from exactly that origin.", hint=hint, id="console.E002")]


def _redis() -> list[CheckMessage]:
    """Whoever writes into Redis can ring the workers; who reads it sees what is shown."""
    hint = "Use redis(s)://:PASSWORD@HOST:PORT/0, or a unix socket that only the console may open."
    named = [("REDIS_URL", settings.REDIS_URL), *(("LIVE_REDIS_URLS", url) for url in settings.LIVE_REDIS_URLS)]
    wrong: list[CheckMessage] = [
        Error(f"{setting} {said}.", hint=hint, id="console.E003") for setting, url in named if (said := _wrong_with(url))
    ]
    if wrong:
        return wrong
    # Whoever listens to a server hears all of its numbered databases: every frame would come twice.
    names = [wire.name(url) for url in settings.LIVE_REDIS_URLS]
    twice = sorted({name for name in names if names.count(name) > 1})
    said = f"LIVE_REDIS_URLS names {', '.join(twice)} more than once."
    return [Error(said, hint="Name each server once; its databases do not tell channels apart.", id="console.E011")] if twice else []


def _wrong_with(url: str) -> str:
    """Nothing of the address is told but the host: a password may stand anywhere in one that cannot be read."""
    try:
        meant: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:
        return "has an address that is none of Redis"
    if not (meant.get("host") or meant.get("path")):
        return "has an address without a host"
    if meant.get("path") or meant.get("password"):
        return ""
    return f"names {meant['host']} without a password"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _queues() -> list[CheckMessage]:
    """RQ's own serializer would let whoever writes into Redis run code in the workers."""
    wrong = [name for name, queue in settings.RQ_QUEUES.items() if queue.get("SERIALIZER") != JSON]
    return [Error(f"RQ_QUEUES: {', '.join(wrong)} do not use JSON.", hint=f"Set SERIALIZER to {JSON}.", id="console.E004")] if wrong else []


def _sentry() -> list[CheckMessage]:
    """The address is not repeated: it has a key."""
    if not settings.SENTRY_DSN or names_a_sentry(settings.SENTRY_DSN):
        return []
    said = "SENTRY_DSN is no address of a Sentry's project over https: of faults nobody would be told."
    hint = "Copy it from the project's settings there (Client Keys), such as https://KEY@HOST/NUMBER, or leave it empty."
    return [Error(said, hint=hint, id="console.E012")]


def names_a_sentry(dsn: str) -> bool:
    """Over https, unless it is on this machine: a fault is not everybody's to read on its way."""
    try:
        parts = urlsplit(dsn)
        _ = parts.port
    except ValueError:
        return False
    sound = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))
    return bool(sound and parts.username and parts.hostname and parts.path.rpartition("/")[2].isdecimal())


def _proxy() -> list[CheckMessage]:
    """Whoever is trusted says from where somebody signs in, and with that how often a password may be guessed."""
    wrong = [address for address in settings.TRUSTED_PROXY if not _is_network(address)]
    said = f"TRUSTED_PROXY has {', '.join(wrong)}: anybody else could say from where a request comes."
    return [Error(said, hint="Name the proxy's address, or its network such as 10.0.1.0/24.", id="console.E005")] if wrong else []


def _is_network(address: str) -> bool:
    try:
        return ipaddress.ip_network(address).prefixlen > 0
    except ValueError:
        return False
