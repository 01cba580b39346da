"""The OpenVPN service of the VPN host, played: who may connect, status files in the three versions, the management socket.

It reads server.conf when it starts, as the real one does, and the CRL at each new connection. A client that was put out tries again.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cryptography import x509

from sandbox.durations import DURATIONS
from sandbox.world import Host, World

UNIT = "openvpn@server"
_TICK = 0.25  # real seconds between two looks at who wants to connect


@dataclass
class Session:
    """A connected client. `serial` is its certificate's, as the index writes it."""

    number: int
    name: str
    serial: str
    real: str
    virtual: str
    since: datetime
    received: int = 3200
    sent: int = 4100


@dataclass
class Wish:
    """Somebody's client that wants to be connected, with the certificate that it has; tries again when it is put out."""

    name: str
    certificate: bytes
    next_try: float = 0.0  # simulated


@dataclass
class Refusal:
    name: str
    serial: str
    why: str
    at: datetime


@dataclass
class Service:
    """Everything under `lock`."""

    world: World
    host: Host
    running: bool = True
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    settings: dict[str, str] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: int = 0
    _written: float = -1e9

    # -- its life

    def start(self) -> None:
        with self.lock:
            self.running, self.started, self.sessions = True, datetime.now(UTC), []
            self.settings = {}
            for line in (self.host.root / "etc/openvpn/server.conf").read_text().splitlines():
                key, _, value = line.strip().partition(" ")
                self.settings.setdefault(key, value.strip())
            self.write_status()

    def stop(self) -> None:
        with self.lock:
            self.running, self.sessions = False, []

    def tick(self) -> None:
        """Who wants to, connects; traffic grows; the status file is written when its time has come."""
        with self.lock:
            if not self.running:
                return
            now = self.world.clock.simulated()
            connected = {session.name for session in self.sessions}
            for wish in self.wishes.values():
                if wish.name not in connected and now >= wish.next_try:
                    wish.next_try = now + DURATIONS.vpn_reconnect
                    self._connect(wish)
            for session in self.sessions:
                session.received += 1777
                session.sent += 2903
            if now - self._written >= DURATIONS.vpn_status_file:
                self.write_status()

    # -- who may come in

    def _connect(self, wish: Wish) -> None:
        certificate = x509.load_pem_x509_certificate(wish.certificate)
        serial = f"{certificate.serial_number:X}"
        serial = serial if len(serial) % 2 == 0 else f"0{serial}"
        if why := self._refused(wish.name, certificate):
            self.refusals = [*self.refusals[-49:], Refusal(wish.name, serial, why, datetime.now(UTC))]
            return
        self._numbers += 1
        octet = 6 + 4 * (self._numbers % 60)
        self.sessions.append(
            Session(
                self._numbers,
                wish.name,
                serial,
                f"198.51.100.{20 + self._numbers % 200}:{49000 + self._numbers}",
                f"10.8.0.{octet}",
                datetime.now(UTC),
            )
        )

    def _refused(self, name: str, certificate: x509.Certificate) -> str:
        issuer = x509.load_pem_x509_certificate((self.host.root / "etc/openvpn/ca.crt").read_bytes())
        now = datetime.now(UTC)
        try:
            certificate.verify_directly_issued_by(issuer)
        except Exception:  # noqa: BLE001 -- whatever is wrong with it, it is not the CA's
            return f"VERIFY ERROR: depth=0, error=unable to get local issuer certificate: CN={name}"
        if certificate.not_valid_after_utc < now:
            return f"VERIFY ERROR: depth=0, error=certificate has expired: CN={name}"
        if place := self.settings.get("crl-verify"):
            path = self._place(place)
            if not path.exists() or path.stat().st_mode & 0o004 == 0:
                return "CRL: cannot read: crl.pem"
            crl = x509.load_pem_x509_crl(path.read_bytes())
            if crl.next_update_utc is not None and crl.next_update_utc < now:
                return f"VERIFY ERROR: depth=0, error=CRL has expired: CN={name}"
            if crl.get_revoked_certificate_by_serial_number(certificate.serial_number):
                return f"VERIFY ERROR: depth=0, error=certificate revoked: CN={name}"
        if (
            (ccd := self.settings.get("client-config-dir"))
            and (mine := self._place(ccd) / name).exists()
            and "disable" in mine.read_text().split("\n")
        ):
            return f"client '{name}' is disabled"
        return ""

    def _place(self, path: str) -> Path:
        return self.host.root / path.lstrip("/") if path.startswith("/") else self.host.root / "etc/openvpn" / path

    # -- what it shows

    def write_status(self) -> None:
        with self.lock:
            self._written = self.world.clock.simulated()
            if not (words := self.settings.get("status", "").split()):
                return
            path = self._place(words[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(path.name + ".new")
            draft.write_text("\n".join(self.status(self.settings.get("status-version", "1"))) + "\n")
            draft.replace(path)

    def status(self, version: str) -> list[str]:
        with self.lock:
            now = datetime.now(UTC)
            if version == "1":
                return [*self._status_1(now)]
            tab = "\t" if version == "3" else ","
            return [line.replace("|", tab) for line in self._status_2(now)]

    def _status_1(self, now: datetime) -> Iterator[str]:
        yield from ("OpenVPN CLIENT LIST", f"Updated,{now:%Y-%m-%d %H:%M:%S}")
        yield "Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since"
        for each in self.sessions:
            yield f"{each.name},{each.real},{each.received},{each.sent},{each.since:%Y-%m-%d %H:%M:%S}"
        yield from ("ROUTING TABLE", "Virtual Address,Common Name,Real Address,Last Ref")
        for each in self.sessions:
            yield f"{each.virtual},{each.name},{each.real},{now:%Y-%m-%d %H:%M:%S}"
        yield from ("GLOBAL STATS", "Max bcast/mcast queue length,0", "END")

    def _status_2(self, now: datetime) -> Iterator[str]:
        text = "%Y-%m-%d %H:%M:%S"
        yield "TITLE|OpenVPN 2.6.14 x86_64-pc-linux-gnu [SSL (OpenSSL)] [LZO] [LZ4] [EPOLL] [PKCS11] [MH/PKTINFO] [AEAD] [DCO]"
        yield f"TIME|{now.strftime(text)}|{int(now.timestamp())}"
        yield (
            "HEADER|CLIENT_LIST|Common Name|Real Address|Virtual Address|Virtual IPv6 Address|Bytes Received|Bytes Sent|Connected Since"
            "|Connected Since (time_t)|Username|Client ID|Peer ID|Data Channel Cipher"
        )
        for each in self.sessions:
            yield (
                f"CLIENT_LIST|{each.name}|{each.real}|{each.virtual}||{each.received}|{each.sent}|{each.since.strftime(text)}"
                f"|{int(each.since.timestamp())}|UNDEF|{each.number}|{each.number - 1}|AES-256-GCM"
            )
        yield "HEADER|ROUTING_TABLE|Virtual Address|Common Name|Real Address|Last Ref|Last Ref (time_t)"
        for each in self.sessions:
            yield f"ROUTING_TABLE|{each.virtual}|{each.name}|{each.real}|{now.strftime(text)}|{int(now.timestamp())}"
        yield from ("GLOBAL_STATS|Max bcast/mcast queue length|0", "GLOBAL_STATS|dco_enabled|0", "END")

    def manage(self, line: str) -> list[str]:
        """One command of the management interface; the lines of its answer."""
        try:
            words = shlex.split(line)  # a name with a blank in it stands in quotes
        except ValueError:
            words = []
        match words:
            case ["status"] | ["status", "1"]:
                return self.status("1")
            case ["status", ("2" | "3") as version]:
                return self.status(version)
            case ["kill", who]:
                return [self._kill(who)]
            case ["version"]:
                return ["OpenVPN Version: OpenVPN 2.6.14 x86_64-pc-linux-gnu", "Management Version: 5", "END"]
            case _:
                return ["ERROR: unknown command, enter 'help' for more options"]

    def _kill(self, who: str) -> str:
        with self.lock:
            mine = [each for each in self.sessions if who in (each.name, each.real)]
            if not mine:
                return f"ERROR: common name '{who}' not found"
            self.sessions = [each for each in self.sessions if each not in mine]
            for each in mine:
                if each.name in self.wishes:
                    self.wishes[each.name].next_try = self.world.clock.simulated() + DURATIONS.vpn_reconnect
            return f"SUCCESS: common name '{who}' found, {len(mine)} client(s) killed"


def serve(service: Service) -> contextlib.ExitStack:
    """Starts it: a thread that ticks, and the management socket, which lies in a short folder; its name on the host is a link."""
    stack = contextlib.ExitStack()
    folder = Path(tempfile.mkdtemp(prefix="sandbox-vpn-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    server = _Management(str(folder / "s"), _Conversation)
    server.service = service
    link = service.host.root / "run/openvpn/server.sock"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "s")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="vpn-management", daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    stopping = threading.Event()
    stack.callback(stopping.set)
    service.start()

    def beat() -> None:
        while not stopping.wait(_TICK):
            service.tick()

    threading.Thread(target=beat, name="vpn", daemon=True).start()
    return stack


class _Management(socketserver.UnixStreamServer):
    """One client at a time, as the real one: others wait."""

    service: Service


class _Conversation(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        service = cast("_Management", self.server).service
        with contextlib.suppress(OSError):
            if not service.running:
                return
            self.wfile.write(b">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info\r\n")
            while lines := self.request.recv(4096).decode("utf-8", "replace").splitlines():
                leaves = bool({"quit", "exit"} & set(lines))
                for line in lines:
                    if line in ("quit", "exit"):
                        return
                    answer = service.manage(line)
                    if len(answer) == 1 or not leaves:  # as the real one: who says quit with the question is gone before a longer answer
                        self.wfile.write("".join(f"{each}\r\n" for each in answer).encode())
