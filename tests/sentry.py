"""A Sentry's intake on loopback: takes envelopes as the SDK sends them, and answers when it is let."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Intake:
    """`raw`: each request's head and unpacked body, as they came. While `answers` is not set, whoever sends is left waiting."""

    def __init__(self, port: int) -> None:
        self.dsn = f"http://0123456789abcdef0123456789abcdef@127.0.0.1:{port}/7"
        self.raw: list[bytes] = []
        self.waiting = 0
        self.answers = threading.Event()
        self.answers.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(raw.partition(b"\n\n")[2].split(b"\n")[2]) for raw in list(self.raw)]

    def until(self, count: int) -> list[dict[str, Any]]:
        """So many events; the seconds guard against a hang alone."""
        deadline = time.monotonic() + 60
        while len(self.raw) < count:
            assert time.monotonic() < deadline, f"{len(self.raw)} of {count} events came"
            time.sleep(0.02)
        return self.events


@contextmanager
def listening() -> Iterator[Intake]:
    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/api/7/envelope/"
            assert self.headers["Content-Encoding"] == "gzip"
            intake.raw.append(f"{self.requestline}\n{self.headers}".strip().encode() + b"\n\n" + gzip.decompress(body))
            intake.waiting += 1
            intake.answers.wait()
            intake.waiting -= 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Takes) as server:
        server.daemon_threads = True
        intake = Intake(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield intake
        finally:
            intake.answers.set()
            server.shutdown()
            thread.join()
