"""Where mail and webhooks end: everything that is sent here is kept and shown on the control page, and goes nowhere.

Lives here: the store, a mail server that takes whatever it is told (RFC 5321, as much of it as a client needs), and the names under which
chat services take messages; those are reached through the proxy.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

from sandbox.world import World

CHATS = ("hooks.slack.com", "client.webhook.office.com", "hooks.example.com")
_KEPT = 100
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    at: datetime
    kind: str  # mail, or the host that took it
    to: str
    title: str
    text: str


@dataclass(slots=True)
class Sinks:
    """Thread-safe."""

    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def keep(self, kind: str, to: str, title: str, text: str) -> None:
        self.messages.append(Message(datetime.now(UTC), kind, to, title, text))

    def shown(self) -> list[dict[str, str]]:
        """Newest first."""
        return [
            {"at": each.at.isoformat(), "kind": each.kind, "to": each.to, "title": each.title, "text": each.text}
            for each in reversed(list(self.messages))
        ]


def sinks_of(world: World) -> Sinks:
    with world.lock:
        if world.sinks is None:
            world.sinks = Sinks()
        found: Sinks = world.sinks
    return found


def take_webhook(world: World, host: str, path: str, body: bytes) -> tuple[int, bytes]:
    """As chat services answer: 200 to JSON, 400 to anything else; a fault of the kind webhook-fails answers with its status."""
    if fault := world.faults.strikes("webhook-fails", host=""):
        return int(fault.options.get("status", "500")), b"failed on request\n"
    try:
        content = json.loads(body)
    except ValueError:
        return 400, b"invalid_payload"
    sinks_of(world).keep(host, path, _title(content), json.dumps(content, indent=1, ensure_ascii=False))
    return 200, b"ok"


def _title(content: Any) -> str:
    if not isinstance(content, dict):
        return ""
    if content.get("type") == "message":  # a card of Teams
        cards = content.get("attachments") or [{}]
        blocks = cards[0].get("content", {}).get("body") or [{}]
        return str(blocks[0].get("text", ""))
    return str(content.get("title") or content.get("text") or "")


def serve_mail(world: World) -> tuple[str, Callable[[], None]]:
    """smtp://HOST:PORT, and a function that ends it."""
    server = _Server(world)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="mail", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return f"smtp://127.0.0.1:{server.server_address[1]}", stop


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, world: World) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.world = world

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to report."""


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 30

    def handle(self) -> None:
        self._say("220 sandbox ready")
        receivers: list[str] = []
        while line := self.rfile.readline(2000):
            word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match word.upper():
                case "EHLO" | "HELO":
                    self._say("250 sandbox")
                case "MAIL":
                    receivers = []
                    self._say("451 try again later" if self.server.world.faults.strikes("mail-busy") else "250 OK")
                case "RCPT":
                    receivers.append(rest.partition("<")[2].partition(">")[0])
                    self._say("250 OK")
                case "DATA":
                    self._say("354 go on")
                    self._keep(receivers)
                    self._say("250 taken")
                case "RSET" | "NOOP":
                    self._say("250 OK")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("502 not known here")

    def _keep(self, receivers: list[str]) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline(_LONGEST)) and line.rstrip(b"\r\n") != b".":
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        body = mail.get_body(("plain",))
        sinks_of(self.server.world).keep("mail", ", ".join(receivers), str(mail["Subject"]), body.get_content() if body else "")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
