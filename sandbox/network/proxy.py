"""An ordinary HTTP forward proxy behind which the shop of the sandbox stands: http in absolute form, https by CONNECT, and plain requests.

Names that are neither the shop's nor a load balancer's are refused: nothing of the sandbox leads outside.
"""

from __future__ import annotations

import contextlib
import http.client
import socketserver
import ssl
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from sandbox.network.sinks import CHATS, take_webhook
from sandbox.world import REGION, World

Route = Callable[[World, str, str, Mapping[str, str], str], tuple[int, dict[str, str], bytes, str]]
"""(world, host header, path, headers, client's address) -> (status, headers, body, name of the host that answered)."""

SHOP = "www.client.url"
_CDN = {"static.client.url": "/pub/static", "media.client.url": "/pub/media"}  # CloudFront adds these to the path
_BALANCERS = f".{REGION}.elb.amazonaws.com"  # load balancers by their own names, in HTTP only: the certificate is the shop's
_SNS = f"sns.{REGION}.amazonaws.com"  # its certificates come from there
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, world: World, route: Route, context: ssl.SSLContext, inside: Mapping[str, int]) -> None:
        """`inside`: servers of the estate's own network, by name, and where on this machine they listen."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world, self.route, self.context, self.inside = world, route, context, inside

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy
    timeout = 60
    disable_nagle_algorithm = True
    _tunnel = ""  # the host that a CONNECT asked for

    def do_CONNECT(self) -> None:
        name, _, port = self.path.rpartition(":")
        if not (_is_shops(name) or name in CHATS) or port != "443":
            self._answer(403, {"Content-Type": "text/plain"}, f"{self.path} is not in the sandbox\n".encode())
            return
        self.send_response_only(200, "Connection established")
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = socketserver._SocketWriter(self.connection)  # type: ignore[attr-defined]  # as StreamRequestHandler itself does
        self._tunnel = name
        self.close_connection = False

    def do_GET(self) -> None:
        host, path, scheme = self._asked_for()
        if scheme == "http" and host in self.server.inside:
            self._pass_on(self.server.inside[host], path)
            return
        if host in CHATS and self._tunnel == host and self.command == "POST":
            status, said = take_webhook(self.server.world, host, path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self._answer(status, {"Content-Type": "text/plain"}, said)
            return
        if not _is_shops(host) and not (scheme == "http" and host.endswith(_BALANCERS)):
            self._answer(502, {"Content-Type": "text/plain"}, f"{host} is not in the sandbox\n".encode())
            return
        path = _CDN.get(host, "") + path
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        headers |= {"X-Forwarded-Proto": scheme, "X-Forwarded-For": self.client_address[0]}
        if length := int(self.headers.get("Content-Length") or 0):
            self.rfile.read(length)
        status, answered, body, _ = self.server.route(self.server.world, host, path, headers, self.client_address[0])
        self._answer(status, answered, body)

    do_HEAD = do_POST = do_GET

    def _pass_on(self, port: int, path: str) -> None:
        """To a server of its own; what it does not answer, nobody does."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        inner = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            inner.request(self.command, path, body or None, headers)
            answer = inner.getresponse()
            self._answer(answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}, answer.read())
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            inner.close()

    def _asked_for(self) -> tuple[str, str, str]:
        """Host, path with query, scheme. Who comes to the server itself, without a proxy in mind, means the shop."""
        if self._tunnel:
            return self.headers.get("Host", self._tunnel).partition(":")[0], self.path, "https"
        if self.path.startswith("http://"):
            parts = urlsplit(self.path)
            return parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), "http"
        host = self.headers.get("Host", SHOP).rpartition(":")[0] or self.headers.get("Host", SHOP)
        return (SHOP if host in _LOOPBACK else host), self.path, "https"

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Date", self.date_time_string())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def finish(self) -> None:
        """A wrapped socket is closed here: the server knows only the one that it accepted."""
        super().finish()
        if self._tunnel:
            with contextlib.suppress(OSError):
                self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Visitors are counted, not logged."""


def _is_shops(name: str) -> bool:
    return name in ("client.url", _SNS) or name.endswith(".client.url")
