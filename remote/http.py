"""The one HTTP client: ask a page, get what a visitor would see. Proxies and certificates come from the standard environment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from remote.errors import Refused, RemoteError, Unanswered, Unreachable

MIB = 1024 * 1024
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_STANDARD_NAMES = (*_PROXIES, *(name.lower() for name in _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")
_clients: dict[tuple[str | None, ...], httpx.Client] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name; `body` may be `cut` at the limit; `seconds` from the call to the last byte read."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float
    cut: bool = False

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def fetch(
    url: str,
    *,
    deadline: float = 10.0,
    headers: Mapping[str, str] | None = None,
    follow: bool = False,
    limit: int = 4 * MIB,
    method: str = "GET",
    content: bytes | None = None,
) -> Answer:
    """Asks over a connection of its own, as a new visitor does. `deadline` in seconds bounds the whole.

    Any status is an Answer. Raises Refused (the address is none), Unreachable (no connection) or Unanswered.
    """
    started = time.monotonic()
    try:
        with _client().stream(
            method, url, headers=dict(headers or {}), content=content, follow_redirects=follow, timeout=deadline
        ) as response:
            body = bytearray()
            for piece in response.iter_bytes():
                body += piece
                if len(body) > limit:
                    break
                if time.monotonic() - started > deadline:
                    raise Unanswered(f"{url} was still answering after {deadline:g} s", "Look at the page and its server's load.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _translated(error, url) from error
    return Answer(response.status_code, dict(response.headers), bytes(body[:limit]), time.monotonic() - started, len(body) > limit)


def _client() -> httpx.Client:
    """One for each setting of the environment: reading the certificates takes longer than most answers."""
    setting = tuple(os.environ.get(name) for name in _STANDARD_NAMES)
    with _lock:
        if setting not in _clients:
            fresh = httpx.Limits(max_connections=100, max_keepalive_connections=0)
            _clients[setting] = httpx.Client(limits=fresh, headers={"User-Agent": "ops-console"})
        return _clients[setting]


def _translated(error: Exception, url: str) -> RemoteError:
    said = str(error) or type(error).__name__
    match error:
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return Refused(f"{url!r} is not an address ({said})", "Write it as https://host/path.")
        case httpx.TooManyRedirects():
            return Refused(f"{url} redirects in a circle", "Look at the rules of the web server and the load balancer.")
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in said:
            return Unreachable(
                f"The certificate of {url} is not accepted ({said})", "Look at the certificate's dates and names, or set SSL_CERT_FILE."
            )
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return Unreachable(f"No connection to {url} ({said})", "Check the name, the network and the proxy.")
        case _:
            return Unanswered(f"{url} did not answer ({said})", "Look at the server's load and its log.")
