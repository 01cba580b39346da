"""Posts JSON to an address outside: https alone, no redirects, and to no machine of our own network.

The name is resolved once, each of its addresses is judged, and the request goes to one that was judged: a name that answers otherwise the
next time gains nothing. Where a proxy is set, it is the proxy that resolves and judges.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from remote.errors import Denied, Refused, Throttled, Unanswered, Unreachable

LONGEST_ADDRESS = 2000


def post(url: str, content: Mapping[str, Any], *, deadline: float = 10.0) -> None:
    """Raises RemoteError; its text names the host and never the rest of the address, which may be a secret."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host or parts.username or len(url) > LONGEST_ADDRESS:
        raise Refused(f"The webhook at {host or 'no host'} is not https://HOST/PATH", "Correct it in NOTIFY_TARGETS.")
    headers = {"Content-Type": "application/json", "User-Agent": "ops-console"}
    extensions: dict[str, Any] = {}
    if not _is_proxied(host):
        address = _outside(host, parts.port or 443)
        pinned = f"[{address}]" if ":" in address else address
        headers["Host"] = host if parts.port in (None, 443) else f"{host}:{parts.port}"
        extensions["sni_hostname"] = host  # and the certificate is held against it
        url = urlunsplit(parts._replace(netloc=f"{pinned}:{parts.port or 443}"))
    try:
        with httpx.Client(timeout=deadline, follow_redirects=False) as client:
            answer = client.post(url, content=json.dumps(content).encode(), headers=headers, extensions=extensions)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise Unreachable(f"No connection to {host} ({type(error).__name__})", "Check the name, the network and the proxy.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unanswered(f"{host} did not answer ({type(error).__name__})", "It is tried again by itself.") from error
    _judge(answer.status_code, host)


def _judge(status: int, host: str) -> None:
    if 200 <= status < 300:
        return
    if status == 429:
        raise Throttled(f"{host} takes no more messages for now (429)", "It is tried again by itself.")
    if status >= 500:
        raise Unanswered(f"{host} failed ({status})", "It is tried again by itself.")
    if status in (401, 403, 404, 410):
        raise Denied(f"{host} does not know this webhook ({status})", "Make a new one there, and put it into NOTIFY_TARGETS.")
    raise Refused(f"{host} refuses the message ({status})", "Look at what the webhook expects.")


def _is_proxied(host: str) -> bool:
    return "https" in getproxies() and not proxy_bypass(host)


def _outside(host: str, port: int) -> str:
    """One of its addresses, all of which have to be outside. Raises Refused, Unreachable."""
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise Unreachable(f"{host} has no address ({error})", "Check the name.") from error
    for address in found:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise Refused(f"{host} is an address of a network of our own ({address}): nothing is sent there", "Name a host outside.")
    return found[0]
