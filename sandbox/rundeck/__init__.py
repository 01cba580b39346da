"""Rundeck, played: a server of its own with the jobs of project `client-magento`, over version 14 of its HTTP API.

Which jobs there are and what they print is `sandbox.rundeck.jobs`; here is the wire.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.rundeck.jobs import PROJECT, TOKEN, Jobs, Refusal
from sandbox.world import World

__all__ = ["HOST", "TOKEN", "serve"]

HOST = "rundeck.internal-client.url"
_ROUTES = (
    ("GET", re.compile(r"/api/\d+/project/([^/]+)/jobs")),
    ("GET", re.compile(r"/api/\d+/job/([^/]+)")),
    ("GET", re.compile(r"/api/\d+/job/([^/]+)/executions")),
    ("POST", re.compile(r"/api/\d+/job/([^/]+)/run")),
    ("GET", re.compile(r"/api/\d+/execution/(\d+)")),
    ("GET", re.compile(r"/api/\d+/execution/(\d+)/output")),
    ("POST", re.compile(r"/api/\d+/execution/(\d+)/abort")),
)


def serve(world: World) -> tuple[int, Callable[[], None]]:
    """Its port on loopback, and how to stop it."""
    server = _Server(Jobs(world))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="rundeck", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return server.server_address[1], stop


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.jobs = jobs

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _handle(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            if self.headers.get("X-Rundeck-Auth-Token") != TOKEN:
                raise Refusal(403, "unauthorized", f"(unauthenticated) is not authorized for: {parts.path}")
            answer = self._answer_to(parts.path, query, body)
        except Refusal as refusal:
            said = {"error": True, "apiversion": 14, "errorCode": f"api.error.{refusal.code}", "message": str(refusal)}
            self._send(refusal.status, json.dumps(said).encode(), "application/json")
            return
        if answer is None:
            return  # the reply is lost
        if isinstance(answer, str):
            self._send(200, answer.encode(), "text/yaml")
        else:
            self._send(200, json.dumps(answer).encode(), "application/json")

    def _answer_to(self, path: str, query: dict[str, str], body: bytes) -> Any:
        jobs = self.server.jobs
        for number, (method, pattern) in enumerate(_ROUTES):
            match = pattern.fullmatch(path)
            if match is None or method != self.command:
                continue
            name = match[1]
            match number:
                case 0:
                    if name != PROJECT:
                        raise Refusal(404, "item.doesnotexist", f"Project does not exist: {name}")
                    return jobs.listed()
                case 1:
                    return jobs.definition(name)
                case 2:
                    return jobs.executions(name, int(query.get("max", 20)))
                case 3:
                    started = jobs.run(name, json.loads(body or b"{}").get("argString", ""))
                    return self._lose() if jobs.loses_reply() else started
                case 4:
                    return jobs.execution(int(name)).to_json()
                case 5:
                    return jobs.execution(int(name)).output(int(query.get("offset", 0)))
                case _:
                    return jobs.execution(int(name)).abort()
        raise Refusal(404, "invalid.path", f"Invalid API Request: {path}")

    def _lose(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Its callers have logs of their own."""
