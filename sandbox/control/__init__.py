"""The control page of the sandbox, and the JSON API below /sim/ that it uses itself: speed, faults, and what somebody else does.

`GET /sim/state` · `GET /sim/deeds?after=N` · `POST /sim/speed {"speed": 25}` · `POST /sim/faults {"kind", "host", "times", "options"}`
· `DELETE /sim/faults[?kind=…]` · `POST /sim/actions/NAME {option: text, …}`. A refusal is `{"error": sentence}` with 4xx.
"""

from __future__ import annotations

import json
import math
import subprocess
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.control import state
from sandbox.control.actions import ACTIONS, act
from sandbox.control.refusal import Refused
from sandbox.world import Fault, World

__all__ = ["serve"]

_ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/control.css": ("control.css", "text/css"),
    "/control.js": ("control.js", "text/javascript"),
}
_LARGEST_BODY = 65536
_SPEEDS = (0.1, 5000.0)


def serve(world: World) -> tuple[str, Callable[[], None]]:
    """The page's address, and a function that ends it."""
    server = _Server(world)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="control", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return f"http://127.0.0.1:{server.server_address[1]}", stop


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/sim/state":
            self._json(200, state.of(self.server.world))
        elif path == "/sim/deeds":
            after = parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]
            self._json(200, {"deeds": state.deeds(self.server.world, after=int(after) if after.isdigit() else 0)})
        elif path in _ASSETS:
            name, kind = _ASSETS[path]
            self._answer(200, kind, files(__package__).joinpath(name).read_bytes())
        elif path == "/favicon.ico":
            self._answer(204, "image/x-icon", b"")
        else:
            self._refuse(404, f"There is nothing at {path}.")

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        try:
            asked = self._body()
            if path == "/sim/speed":
                self._json(200, self._set_speed(asked))
            elif path == "/sim/faults":
                self._json(201, self._add_fault(asked))
            elif path.startswith("/sim/actions/") and path.removeprefix("/sim/actions/") in ACTIONS:
                options = {name: str(value) for name, value in asked.items()}
                self._json(200, {"done": act(self.server.world, path.removeprefix("/sim/actions/"), options)})
            else:
                self._refuse(404, f"There is nothing at {path}.")
        except Refused as refusal:
            self._refuse(422, str(refusal))
        except subprocess.CalledProcessError as error:
            self._refuse(422, error.stderr.decode(errors="replace").strip() or "git refused.")

    def do_DELETE(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != "/sim/faults":
            self._refuse(404, f"There is nothing at {parts.path}.")
            return
        self.server.world.faults.clear(parse_qs(parts.query).get("kind", [""])[0])
        self._json(200, {"faults": state.of(self.server.world)["faults"]})

    def _set_speed(self, asked: dict[str, Any]) -> dict[str, float]:
        try:
            speed = float(asked["speed"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("speed is a number of simulated seconds in a real second.") from error
        if not math.isfinite(speed) or not _SPEEDS[0] <= speed <= _SPEEDS[1]:
            raise Refused(f"speed is from {_SPEEDS[0]} to {_SPEEDS[1]}.")
        self.server.world.clock.speed = speed
        return {"speed": speed}

    def _add_fault(self, asked: dict[str, Any]) -> dict[str, Any]:
        kind, host, times, options = asked.get("kind"), asked.get("host", ""), asked.get("times", 1), asked.get("options", {})
        unknown = asked.keys() - {"kind", "host", "times", "options"}
        if unknown:
            raise Refused(f"{', '.join(sorted(unknown))}: not known here; what narrows a fault stands in options.")
        if not isinstance(kind, str) or not kind:
            raise Refused("kind is the name of a fault, such as command-fails.")
        if host not in ("", "bitbucket.org", *self.server.world.hosts, *self.server.world.machines):
            raise Refused(f"There is no host {host}.")
        if not isinstance(times, int) or isinstance(times, bool) or (times < 1 and times != -1):
            raise Refused("times is a number from 1, or -1 until the fault is cleared.")
        if not isinstance(options, dict):
            raise Refused("options is an object.")
        fault = Fault(kind, host, times, {str(name): str(value) for name, value in options.items()})
        self.server.world.faults.add(fault)
        return {"kind": kind, "host": host, "times": times, "options": fault.options}

    def _body(self) -> dict[str, Any]:
        """Only JSON is taken: a form on somebody else's page cannot send it."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            raise Refused("The body is too large.")
        raw = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            raise Refused("The body is JSON: send Content-Type: application/json.")
        try:
            asked = json.loads(raw or b"{}")
        except ValueError as error:
            raise Refused(f"The body is no JSON: {error}") from error
        if not isinstance(asked, dict):
            raise Refused("The body is a JSON object.")
        return asked

    def _refuse(self, status: int, why: str) -> None:
        self._json(status, {"error": why, "title": HTTPStatus(status).phrase})

    def _json(self, status: int, content: object) -> None:
        self._answer(status, "application/json", json.dumps(content).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The page asks every two seconds: nothing to report."""
